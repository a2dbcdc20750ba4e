#include "firmware/core/keys/activation.h"

#include <fmt/format.h>

#include "firmware/core/keys/signing.h"

namespace twinseal::core {
namespace {

// PKCS#11 has codes for a wrapped key that is damaged, but tokens need not find out what is wrong:
// SoftHSM then has a general error.
Error NotUnwrapped(const Error& error) {
  const bool general =
      error.origin() == "CKR_GENERAL_ERROR" || error.origin() == "CKR_FUNCTION_FAILED";
  return general ? Error(Code::kDataLoss, error.message(), error.origin()) : error;
}

}  // namespace

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

Result<std::vector<Bytes>> MakeSignatures(hsm::Session& session, hsm::Object key,
                                          std::span<const SignTask> tasks) {
  std::vector<Bytes> signatures;
  signatures.reserve(tasks.size());
  for (const SignTask& task : tasks) {
    TWINSEAL_ASSIGN_OR_RETURN(Bytes signature, SignDigest(session, *task.scheme, key, task.digest));
    signatures.push_back(std::move(signature));
  }
  return signatures;
}

Result<Blob> WrapAfresh(const ActivationTools& tools, hsm::Object key, const KeyHeader& header) {
  hsm::Session& session = tools.session;
  Blob fresh;
  fresh.kind = BlobKind::kVault;
  fresh.header = header;
  TWINSEAL_ASSIGN_OR_RETURN(fresh.key_wrap,
                            tools.capabilities.ForPrivateKeys(KindOf(header.algorithm)));
  TWINSEAL_ASSIGN_OR_RETURN(fresh.kek_wrap, tools.capabilities.ForSecretKeys());
  TWINSEAL_ASSIGN_OR_RETURN(hsm::ObjectHandle kek,
                            hsm::GenerateWrappingKey(session, {.extractable = true}));
  TWINSEAL_ASSIGN_OR_RETURN(fresh.wrapped_key, hsm::Wrap(session, fresh.key_wrap, kek.get(), key));
  TWINSEAL_ASSIGN_OR_RETURN(fresh.wrapped_kek,
                            hsm::Wrap(session, fresh.kek_wrap, tools.keys.site_kek, kek.get()));
  TWINSEAL_RETURN_IF_ERROR(kek.Destroy());
  return fresh;
}

Result<hsm::ObjectHandle> UnwrapReplica(const ActivationTools& tools, const Blob& replica,
                                        const PublicKeyCache::Entry& public_key) {
  auto key = hsm::Unwrap(
      tools.session, replica.key_wrap, tools.keys.domain_kek, replica.wrapped_key,
      tools.capabilities.UnwrapTemplate(KindOf(replica.header.algorithm), public_key.public_value));
  if (!key.ok()) return NotUnwrapped(key.error());
  return key;
}

Result<Blob> WrapForVault(const ActivationTools& tools, const Blob& replica,
                          const PublicKeyCache::Entry& public_key) {
  TWINSEAL_ASSIGN_OR_RETURN(hsm::ObjectHandle key, UnwrapReplica(tools, replica, public_key));
  TWINSEAL_ASSIGN_OR_RETURN(Blob fresh, WrapAfresh(tools, key.get(), replica.header));
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
