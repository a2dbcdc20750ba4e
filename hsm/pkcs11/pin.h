// Where the PIN comes from, and what is remembered of it.
#pragma once

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::hsm {

// Asked by a Connection when it has to log in, by one thread at a time. A token locks after a few
// wrong PINs, so a refused one is never tried again: the Connection remembers it for its own life;
// what must outlive the process is the implementation's to keep (Refused writes it down, Read
// refuses to give it out again).
class PinSource {
 public:
  virtual ~PinSource() = default;

  // The PIN now. failed_precondition, in words for the operator, when there is none or it is known
  // to be wrong. `wrong_pin_since_login` is what the token says: somebody gave it a wrong PIN since
  // the last login (CKF_USER_PIN_COUNT_LOW; a token may leave it unsaid).
  virtual Result<Secret> Read(bool wrong_pin_since_login) = 0;
  // The token said that this PIN is wrong.
  virtual void Refused(const Secret& pin) = 0;
  // The token took this PIN.
  virtual void Accepted(const Secret& pin) = 0;
};

// A PIN that is given once and kept in locked memory. An empty one counts as missing.
class FixedPin : public PinSource {
 public:
  explicit FixedPin(Secret pin) : pin_(std::move(pin)) {}

  Result<Secret> Read(bool wrong_pin_since_login) override;
  void Refused(const Secret& pin) override;
  void Accepted(const Secret& pin) override;

 private:
  Secret pin_;
};

}  // namespace twinseal::hsm
