#include "firmware/core/pairing/identity_signature.h"

#include <fmt/format.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/public_key.h"
#include "firmware/core/keys/signing.h"
#include "firmware/core/keys/token_objects.h"
#include "firmware/core/setup/appliance_keys.h"

namespace twinseal::core {
namespace {

constexpr v1::Scheme kScheme = v1::ECDSA_SHA256;

Result<hsm::Object> FindIdentity(hsm::Session& session, CK_OBJECT_CLASS object_class) {
  auto found = session.FindTokenObject(object_class, kIdentityLabel);
  if (found.ok() || found.error().code() != Code::kNotFound) return found;
  return Error(
      Code::kFailedPrecondition,
      fmt::format("the token has no key '{}': `twinseal appliance init` makes it", kIdentityLabel),
      kNotSetUp);
}

}  // namespace

Result<IdentitySignature> SignAsIdentity(hsm::Session& session, BytesView sha256) {
  const crypto::SchemeInfo& scheme = *crypto::Find(kScheme);
  if (sha256.size() != scheme.digest_size) {
    return Error(Code::kInvalidArgument,
                 fmt::format("sign_as_identity.sha256: a SHA-256 digest has {} bytes, this has {}",
                             scheme.digest_size, sha256.size()));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::Object private_key, FindIdentity(session, CKO_PRIVATE_KEY));
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::Object public_object, FindIdentity(session, CKO_PUBLIC_KEY));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey public_key,
                            ReadPublicKey(session, v1::EC_P256, public_object));
  TWINSEAL_ASSIGN_OR_RETURN(Bytes signature, SignDigest(session, scheme, private_key, sha256));
  if (!public_key.Verify(kScheme, sha256, signature).ok()) {
    return Error(Code::kDataLoss,
                 "a signature that the HSM made is not one of the appliance's identity key");
  }
  return IdentitySignature{.signature = std::move(signature), .public_key_der = public_key.der()};
}

}  // namespace twinseal::core
