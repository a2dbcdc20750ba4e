#include "hsm/pkcs11/pin.h"

namespace twinseal::hsm {

Result<Secret> FixedPin::Read(bool /*wrong_pin_since_login*/) {
  if (pin_.empty()) {
    return Error(Code::kFailedPrecondition,
                 "the HSM's PIN is missing; give it through a descriptor or a credential");
  }
  return Secret(pin_.Reveal(SecretAccess()));
}

void FixedPin::Refused(const Secret& /*pin*/) {}
void FixedPin::Accepted(const Secret& /*pin*/) {}

}  // namespace twinseal::hsm
