// The user PIN, kept from being tried twice when it is wrong.
#pragma once

#include <functional>
#include <string>

#include "common/base/secret.h"
#include "firmware/core/pin/refused_pin.h"
#include "hsm/pkcs11/pin.h"

namespace twinseal::core {

// Tokens lock after a few wrong PINs, and a supervisor that restarts the core would spend them in a
// second. So a refused PIN is written down before anything else happens, and not given out again,
// in this process or the next, until the PIN is another. One thread at a time, as the Connection
// asks.
class GuardedPin : public hsm::PinSource {
 public:
  // `on_trouble` is told, for the log, when the file of refused PINs cannot be written.
  GuardedPin(Secret pin, RefusedPinFile file, std::function<void(const Error&)> on_trouble);

  // failed_precondition (kPinRefusedBefore) when this PIN was refused before.
  Result<Secret> Read() override;
  void Refused(const Secret& pin) override;
  void Accepted(const Secret& pin) override;

 private:
  Secret pin_;
  RefusedPinFile file_;
  std::function<void(const Error&)> on_trouble_;
  bool refused_ = false;
  bool accepted_ = false;
};

}  // namespace twinseal::core
