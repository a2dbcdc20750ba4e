#include "firmware/core/pairing/domain_removal.h"

#include <fmt/format.h>

#include "common/base/unique_fd.h"
#include "firmware/core/keys/anchor.h"
#include "firmware/core/keys/token_objects.h"
#include "firmware/core/pairing/domain_objects.h"
#include "firmware/core/pairing/transport_key.h"
#include "firmware/core/setup/appliance_keys.h"
#include "firmware/core/setup/key_options.h"
#include "firmware/core/vault/vault_files.h"
#include "hsm/pkcs11/key_kinds.h"

namespace twinseal::core {
namespace {

// Not CheckSiteKeys: an attempt that was interrupted may have left no site KEK.
Status CheckHasIdentity(hsm::Session& session) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto found, FindAll(session, CKO_PRIVATE_KEY, kIdentityLabel));
  if (!found.empty()) return Ok();
  return Error(Code::kFailedPrecondition,
               fmt::format("the token has no key '{}': it is no appliance's, and has no domain to "
                           "drop",
                           kIdentityLabel),
               kNotSetUp);
}

Status RenewSiteKek(hsm::Session& session) {
  TWINSEAL_RETURN_IF_ERROR(DestroyAll(session, CKO_SECRET_KEY, kSiteKekLabel));
  TWINSEAL_ASSIGN_OR_RETURN(hsm::ObjectHandle made,
                            hsm::GenerateWrappingKey(session, kSiteKekOptions));
  made.Release();
  return Ok();
}

}  // namespace

Status DropDomain(hsm::Session& session, const std::filesystem::path& vault_folder) {
  TWINSEAL_RETURN_IF_ERROR(CheckHasIdentity(session));
  TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd vault, LockVault(vault_folder));
  // The vault first, and its anchor before it: a domain with an empty vault is whole, and a vault
  // without its domain would be in the next one's way.
  TWINSEAL_RETURN_IF_ERROR(RemoveAnchor(session));
  TWINSEAL_RETURN_IF_ERROR(EraseVaultFiles(vault_folder));
  TWINSEAL_RETURN_IF_ERROR(DestroyTransportKey(session));
  TWINSEAL_RETURN_IF_ERROR(DestroyDomainKeys(session));
  return RenewSiteKek(session);
}

}  // namespace twinseal::core
