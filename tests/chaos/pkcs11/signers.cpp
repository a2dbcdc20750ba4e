#include "tests/chaos/pkcs11/signers.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include <fmt/format.h>
#include <openssl/rand.h>

#include "agent/pkcs11/signature_form.h"

namespace twinseal::chaos {
namespace {

constexpr std::size_t kDigestSize = 32;

}  // namespace

std::string Result::Json() const {
  return fmt::format(
      R"({{"made": {}, "failed": {}, "wrong": {}, "longest_seconds": {:.3f}, "first_failure": "{}"}})",
      made, failed, wrong, longest_seconds, first_failure);
}

Signers::Signers(const Target& target, unsigned threads) : results_(threads) {
  token_.emplace(target.module, target.token, target.pin);
  const CK_SESSION_HANDLE session = token_->Open();
  public_key_ = ReadPublicKey(session, target.key);
  const CK_OBJECT_HANDLE key = token_->Find(session, CKO_PRIVATE_KEY, target.key);
  for (Result& result : results_) {
    threads_.emplace_back(
        [this, &result, key, own = token_->Open()] { SignOverAndOver(own, key, result); });
  }
}

Result Signers::Finish() {
  stop_.store(true);
  for (std::thread& thread : threads_) thread.join();
  token_.reset();
  Result all;
  for (const Result& one : results_) {
    all.made += one.made;
    all.failed += one.failed;
    all.wrong += one.wrong;
    all.longest_seconds = std::max(all.longest_seconds, one.longest_seconds);
    if (all.first_failure.empty()) all.first_failure = one.first_failure;
  }
  return all;
}

crypto::PublicKey Signers::ReadPublicKey(CK_SESSION_HANDLE session,
                                         const std::string& label) const {
  Bytes der(512);
  CK_ATTRIBUTE wanted{CKA_PUBLIC_KEY_INFO, der.data(), der.size()};
  const CK_OBJECT_HANDLE object = token_->Find(session, CKO_PUBLIC_KEY, label);
  test::Check(token_->functions().C_GetAttributeValue(session, object, &wanted, 1),
              "C_GetAttributeValue");
  der.resize(wanted.ulValueLen);
  twinseal::Result<crypto::PublicKey> key = crypto::PublicKey::FromDer(der);
  if (!key.ok()) throw std::runtime_error(key.error().message());
  return *std::move(key);
}

void Signers::SignOverAndOver(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                              Result& result) const {
  using Clock = std::chrono::steady_clock;
  Bytes digest(kDigestSize);
  while (!stop_.load()) {
    RAND_bytes(digest.data(), static_cast<int>(digest.size()));
    Bytes signature;
    const auto start = Clock::now();
    const CK_RV rv = Sign(session, key, digest, signature);
    const std::chrono::duration<double> took = Clock::now() - start;
    result.longest_seconds = std::max(result.longest_seconds, took.count());
    if (rv != CKR_OK) {
      ++result.failed;
      if (result.first_failure.empty())
        result.first_failure = fmt::format("{:#x} after {:.1f} s", rv, took.count());
      continue;
    }
    ++result.made;
    auto der = pkcs11::FromPkcs11(v1::EC_P256, signature);
    if (!der.ok() || !public_key_->Verify(v1::ECDSA_SHA256, digest, *der).ok()) ++result.wrong;
  }
}

CK_RV Signers::Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, Bytes& digest,
                    Bytes& signature) const {
  CK_MECHANISM mechanism{CKM_ECDSA, nullptr, 0};
  const CK_FUNCTION_LIST& functions = token_->functions();
  const CK_RV begun = functions.C_SignInit(session, &mechanism, key);
  if (begun != CKR_OK) return begun;
  signature.resize(2 * kDigestSize);
  CK_ULONG size = signature.size();
  const CK_RV rv = functions.C_Sign(session, digest.data(), digest.size(), signature.data(), &size);
  signature.resize(rv == CKR_OK ? size : 0);
  return rv;
}

}  // namespace twinseal::chaos
