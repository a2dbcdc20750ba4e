// The objects on the token that come and go with a domain.
#pragma once

#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// All token objects of this class and label.
Result<std::vector<hsm::Object>> FindAll(hsm::Session& session, CK_OBJECT_CLASS object_class,
                                         std::string_view label);
Status DestroyAll(hsm::Session& session, CK_OBJECT_CLASS object_class, std::string_view label);

// How much of a domain the token has.
enum class DomainThere : std::uint8_t {
  kNone,
  kInPart,  // A process ended while it took the keys or dropped them.
  kWhole,
};
// failed_precondition (kNotSetUp) when there are several of one.
Result<DomainThere> FindDomain(hsm::Session& session);

// Domain KEK and binding key. Idempotent.
Status DestroyDomainKeys(hsm::Session& session);

}  // namespace twinseal::core
