#include "firmware/core/pairing/domain_objects.h"

#include <fmt/format.h>

#include "firmware/core/keys/token_objects.h"
#include "firmware/core/setup/appliance_keys.h"

namespace twinseal::core {

Result<std::vector<hsm::Object>> FindAll(hsm::Session& session, CK_OBJECT_CLASS object_class,
                                         std::string_view label) {
  hsm::Template match;
  match.Ulong(CKA_CLASS, object_class).Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  return session.Find(match);
}

Status DestroyAll(hsm::Session& session, CK_OBJECT_CLASS object_class, std::string_view label) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto found, FindAll(session, object_class, label));
  for (const hsm::Object object : found) TWINSEAL_RETURN_IF_ERROR(session.Destroy(object));
  session.ForgetTokenObjects();
  return Ok();
}

Result<DomainThere> FindDomain(hsm::Session& session) {
  std::size_t count = 0;
  for (const std::string_view label : {kDomainKekLabel, kBindingKeyLabel}) {
    TWINSEAL_ASSIGN_OR_RETURN(const auto found, FindAll(session, CKO_SECRET_KEY, label));
    if (found.size() > 1) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("the token has several objects '{}', so it is not known which is "
                               "the domain's; remove the others",
                               label),
                   kNotSetUp);
    }
    count += found.size();
  }
  return count == 0 ? DomainThere::kNone : count == 1 ? DomainThere::kInPart : DomainThere::kWhole;
}

Status DestroyDomainKeys(hsm::Session& session) {
  TWINSEAL_RETURN_IF_ERROR(DestroyAll(session, CKO_SECRET_KEY, kBindingKeyLabel));
  return DestroyAll(session, CKO_SECRET_KEY, kDomainKekLabel);
}

}  // namespace twinseal::core
