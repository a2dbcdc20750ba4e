// The user PIN, kept from being tried twice when it is wrong.
#pragma once

#include <functional>
#include <string>

#include "common/base/secret.h"
#include "firmware/core/pin/pin_record.h"
#include "hsm/pkcs11/pin.h"

namespace twinseal::core {

// Tokens lock after a few wrong PINs, and a supervisor that restarts the core would spend them in a
// second. So a PIN is written down before it is tried, and when it was refused it is not given out
// again, in this process or the next, until the PIN is another. What came of a try that was cut off
// the token tells. One thread at a time, as the Connection asks.
class GuardedPin : public hsm::PinSource {
 public:
  // `on_trouble` is told, for the log, when the record of the PIN cannot be changed.
  GuardedPin(Secret pin, PinRecord record, std::function<void(const Error&)> on_trouble);

  // failed_precondition (kPinRefusedBefore) when this PIN was refused before; what the disk says
  // (resource_exhausted, unavailable) when it cannot be written down that it is tried.
  Result<Secret> Read(bool wrong_pin_since_login) override;
  void Refused(const Secret& pin) override;
  void Accepted(const Secret& pin) override;

 private:
  Secret pin_;
  PinRecord record_;
  std::function<void(const Error&)> on_trouble_;
  bool refused_ = false;
};

}  // namespace twinseal::core
