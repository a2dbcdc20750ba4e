#include "firmware/core/keys/activation.h"

#include <fmt/format.h>

#include "firmware/core/keys/signing.h"

namespace twinseal::core {
namespace {

// Wraps `key` under a KEK made for this alone. `fresh` becomes a vault blob with the same header.
Status WrapAfresh(const ActivationTools& tools, hsm::Object key, Blob& fresh) {
  hsm::Session& session = tools.session;
  TWINSEAL_ASSIGN_OR_RETURN(fresh.key_wrap,
                            tools.capabilities.ForPrivateKeys(KindOf(fresh.header.algorithm)));
  TWINSEAL_ASSIGN_OR_RETURN(fresh.kek_wrap, tools.capabilities.ForSecretKeys());
  TWINSEAL_ASSIGN_OR_RETURN(hsm::ObjectHandle kek,
                            hsm::GenerateWrappingKey(session, {.extractable = true}));
  TWINSEAL_ASSIGN_OR_RETURN(fresh.wrapped_key, hsm::Wrap(session, fresh.key_wrap, kek.get(), key));
  TWINSEAL_ASSIGN_OR_RETURN(fresh.wrapped_kek,
                            hsm::Wrap(session, fresh.kek_wrap, tools.keys.site_kek, kek.get()));
  fresh.kind = BlobKind::kVault;
  return kek.Destroy();
}

// PKCS#11 has codes for a wrapped key that is damaged, but tokens need not find out what is wrong:
// SoftHSM then has a general error.
Error NotUnwrapped(const Error& error) {
  const bool general =
      error.origin() == "CKR_GENERAL_ERROR" || error.origin() == "CKR_FUNCTION_FAILED";
  return general ? Error(Code::kDataLoss, error.message(), error.origin()) : error;
}

// The private key of a vault blob.
Result<hsm::ObjectHandle> UnwrapKey(const ActivationTools& tools, const Blob& record,
                                    const PublicKeyCache::Entry& public_key) {
  hsm::Session& session = tools.session;
  auto kek = hsm::Unwrap(session, record.kek_wrap, tools.keys.site_kek, record.wrapped_kek,
                         hsm::UnwrappedWrappingKey());
  if (!kek.ok()) return NotUnwrapped(kek.error());
  auto key = hsm::Unwrap(
      session, record.key_wrap, kek->get(), record.wrapped_key,
      tools.capabilities.UnwrapTemplate(KindOf(record.header.algorithm), public_key.public_value));
  if (!key.ok()) return NotUnwrapped(key.error());
  TWINSEAL_RETURN_IF_ERROR(kek->Destroy());
  return key;
}

}  // namespace

Result<Activated> Activate(const ActivationTools& tools, const Blob& record,
                           const PublicKeyCache::Entry& public_key,
                           std::span<const SignTask> tasks) {
  hsm::Session& session = tools.session;
  TWINSEAL_ASSIGN_OR_RETURN(hsm::ObjectHandle key, UnwrapKey(tools, record, public_key));
  Activated activated;
  activated.signatures.reserve(tasks.size());
  for (const SignTask& task : tasks) {
    TWINSEAL_ASSIGN_OR_RETURN(Bytes signature,
                              SignDigest(session, *task.scheme, key.get(), task.digest));
    activated.signatures.push_back(std::move(signature));
  }
  activated.fresh.header = record.header;
  TWINSEAL_RETURN_IF_ERROR(WrapAfresh(tools, key.get(), activated.fresh));
  TWINSEAL_RETURN_IF_ERROR(key.Destroy());
  return activated;
}

Result<Blob> WrapForVault(const ActivationTools& tools, const Blob& replica,
                          const PublicKeyCache::Entry& public_key) {
  const hsm::KeyKind kind = KindOf(replica.header.algorithm);
  TWINSEAL_ASSIGN_OR_RETURN(
      hsm::ObjectHandle key,
      hsm::Unwrap(tools.session, replica.key_wrap, tools.keys.domain_kek, replica.wrapped_key,
                  tools.capabilities.UnwrapTemplate(kind, public_key.public_value)));
  Blob fresh;
  fresh.header = replica.header;
  TWINSEAL_RETURN_IF_ERROR(WrapAfresh(tools, key.get(), fresh));
  TWINSEAL_RETURN_IF_ERROR(key.Destroy());
  return fresh;
}

Status VerifySignatures(const crypto::PublicKey& public_key, std::span<const SignTask> tasks,
                        std::span<const Bytes> signatures) {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (i != 0 && tasks[i].scheme->family != crypto::Family::kRsa) continue;
    if (!public_key.Verify(tasks[i].scheme->id, tasks[i].digest, signatures[i]).ok()) {
      return Error(Code::kDataLoss,
                   "a signature that the HSM made is not one of the recorded public key");
    }
  }
  return Ok();
}

}  // namespace twinseal::core
