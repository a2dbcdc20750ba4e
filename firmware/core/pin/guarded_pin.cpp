#include "firmware/core/pin/guarded_pin.h"

#include <utility>

#include <fmt/format.h>

#include "firmware/core/pin/pin_input.h"

namespace twinseal::core {

GuardedPin::GuardedPin(Secret pin, PinRecord record, std::function<void(const Error&)> on_trouble)
    : pin_(std::move(pin)), record_(std::move(record)), on_trouble_(std::move(on_trouble)) {}

Result<Secret> GuardedPin::Read(bool wrong_pin_since_login) {
  if (!refused_) {
    TWINSEAL_ASSIGN_OR_RETURN(const PinRecord::Mark mark, record_.Find(pin_));
    if (mark == PinRecord::Mark::kTried && wrong_pin_since_login) Refused(pin_);
    if (mark == PinRecord::Mark::kRefused) refused_ = true;
  }
  if (refused_) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format("the HSM refused this user PIN before, so it was not tried again; give "
                    "the right PIN (or, when the HSM's PIN was changed to this one, remove "
                    "{})",
                    record_.path().string()),
        kPinRefusedBefore);
  }
  if (const Status marked = record_.Try(pin_); !marked.ok()) {
    return marked.error().Within(
        "the HSM's user PIN is not tried, as it could not be remembered if it were wrong");
  }
  return Secret(pin_.Reveal(SecretAccess()));
}

void GuardedPin::Refused(const Secret& /*pin*/) {
  refused_ = true;
  if (const Status marked = record_.Refuse(); !marked.ok()) {
    on_trouble_(marked.error().Within("remembering that the PIN was refused"));
  }
}

void GuardedPin::Accepted(const Secret& /*pin*/) {
  if (const Status forgotten = record_.Forget(); !forgotten.ok()) {
    on_trouble_(forgotten.error().Within("forgetting what was remembered of the PIN"));
  }
}

}  // namespace twinseal::core
