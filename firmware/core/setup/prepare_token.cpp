#include "firmware/core/setup/prepare_token.h"

#include "hsm/pkcs11/token.h"

namespace twinseal::core {

Status PrepareToken(const hsm::ModuleOptions& module_options, const hsm::TokenSelector& token,
                    const Secret& so_pin, const Secret& pin) {
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::Module module, hsm::Module::Load(module_options));
  auto found = hsm::FindToken(module, token);
  if (!found.ok()) {
    if (found.error().origin() != "CKR_TOKEN_NOT_PRESENT") return found.error();
    if (!token.label) {
      return Error(Code::kInvalidArgument,
                   "a token that is to be initialized needs a label; give one as hsm_token, or as "
                   "token= in its URI");
    }
    TWINSEAL_ASSIGN_OR_RETURN(const hsm::TokenInfo blank, hsm::FindBlankToken(module));
    found = hsm::InitializeToken(module, blank.slot, so_pin, *token.label);
    if (!found.ok()) return found.error();
  }
  if (found->user_pin_set()) return Ok();
  return hsm::InitializePin(module, found->slot, so_pin, pin);
}

}  // namespace twinseal::core
