#include "common/audit/checkpoint.h"

#include <memory>
#include <utility>

#include <fmt/format.h>

#include "common/crypto/digest.h"
#include "common/crypto/public_key.h"

namespace twinseal::audit {

std::string CheckpointText(const TreeHead& head) {
  return fmt::format("twinseal/audit/{}\n{}\n{}\ntime {}\n", head.site, head.size,
                     Base64Encode(head.root), head.time_unix_us);
}

Result<TreeHead> HeadOf(const v1::AuditCheckpoint& checkpoint) {
  // A site that is no name could carry line feeds, and with them another text.
  TWINSEAL_ASSIGN_OR_RETURN(const SiteName site, SiteName::Parse(checkpoint.site()));
  TWINSEAL_ASSIGN_OR_RETURN(const merkle::Hash root,
                            merkle::HashFromBytes(AsBytes(checkpoint.root_hash())));
  return TreeHead{site.text(), checkpoint.tree_size(), root, checkpoint.time_unix_us()};
}

Result<SignatureCheck> CheckWithPublicKey(std::string_view public_key_pem) {
  TWINSEAL_ASSIGN_OR_RETURN(crypto::PublicKey key, crypto::PublicKey::FromPem(public_key_pem));
  return SignatureCheck([key = std::move(key)](std::string_view text, BytesView signature) {
    return key.Verify(v1::ECDSA_SHA256, crypto::Sha256(AsBytes(text)), signature);
  });
}

Status VerifyCheckpoint(const v1::AuditCheckpoint& checkpoint, const SiteName& site,
                        const SignatureCheck& check) {
  const Result<TreeHead> head = HeadOf(checkpoint);
  if (!head.ok()) {
    return Error(Code::kDataLoss, fmt::format("the checkpoint of {} records is malformed: {}",
                                              checkpoint.tree_size(), head.error().message()));
  }
  if (head->site != site.text()) {
    return Error(Code::kDataLoss,
                 fmt::format("the checkpoint of {} records is of site {}, not of {}", head->size,
                             head->site, site.text()));
  }
  const Status signature = check(CheckpointText(*head), AsBytes(checkpoint.signature()));
  if (!signature.ok()) {
    return Error(
        Code::kDataLoss,
        fmt::format("the checkpoint of {} records does not bear the audit key's signature: {}",
                    head->size, signature.error().message()));
  }
  return Ok();
}

}  // namespace twinseal::audit
