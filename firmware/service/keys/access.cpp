#include "firmware/service/keys/access.h"

namespace twinseal::service {

Status CheckKeyReference(std::string_view key) {
  if (LooksLikeKeyId(key)) return Ok();
  const Result<KeyName> name = KeyName::Parse(key);
  if (!name.ok()) return name.error().Within("key");
  return Ok();
}

}  // namespace twinseal::service
