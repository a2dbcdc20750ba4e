#include "firmware/core/pin/guarded_pin.h"

#include <utility>

#include <fmt/format.h>

#include "firmware/core/pin/pin_input.h"

namespace twinseal::core {

GuardedPin::GuardedPin(Secret pin, RefusedPinFile file,
                       std::function<void(const Error&)> on_trouble)
    : pin_(std::move(pin)), file_(std::move(file)), on_trouble_(std::move(on_trouble)) {}

Result<Secret> GuardedPin::Read() {
  bool refused = refused_;
  if (!refused && !accepted_) {
    TWINSEAL_ASSIGN_OR_RETURN(refused, file_.Holds(pin_));
    refused_ = refused;
  }
  if (refused) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format("the HSM refused this user PIN before, so it was not tried again; give "
                    "the right PIN (or, when the HSM's PIN was changed to this one, remove "
                    "{})",
                    file_.path().string()),
        kPinRefusedBefore);
  }
  return Secret(pin_.Reveal(SecretAccess()));
}

void GuardedPin::Refused(const Secret& pin) {
  refused_ = true;
  accepted_ = false;
  if (const Status remembered = file_.Remember(pin); !remembered.ok()) {
    on_trouble_(remembered.error().Within("remembering that the PIN was refused"));
  }
}

void GuardedPin::Accepted(const Secret& /*pin*/) {
  if (accepted_) return;
  accepted_ = true;
  if (const Status forgotten = file_.Forget(); !forgotten.ok()) {
    on_trouble_(forgotten.error().Within("forgetting a PIN that was refused before"));
  }
}

}  // namespace twinseal::core
