#include "tests/chaos/pkcs11/signers.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string_view>

#include <dlfcn.h>
#include <fmt/format.h>
#include <openssl/rand.h>

#include "agent/pkcs11/signature_form.h"

namespace twinseal::chaos {
namespace {

constexpr std::size_t kDigestSize = 32;

void Check(CK_RV rv, const char* what) {
  if (rv != CKR_OK) throw std::runtime_error(fmt::format("{} answered {:#x}", what, rv));
}

CK_BYTE* Text(const std::string& text) {
  return reinterpret_cast<CK_BYTE*>(const_cast<char*>(text.data()));
}

}  // namespace

std::string Result::Json() const {
  return fmt::format(
      R"({{"made": {}, "failed": {}, "wrong": {}, "longest_seconds": {:.3f}, "first_failure": "{}"}})",
      made, failed, wrong, longest_seconds, first_failure);
}

Signers::Signers(const Target& target, unsigned threads) : results_(threads) {
  Load(target.module, target.token);
  const CK_SESSION_HANDLE session = Open();
  Check(list_->C_Login(session, CKU_USER, Text(target.pin), target.pin.size()), "C_Login");
  public_key_ = ReadPublicKey(session, target.key);
  const CK_OBJECT_HANDLE key = Find(session, CKO_PRIVATE_KEY, target.key);
  for (Result& result : results_) {
    threads_.emplace_back(
        [this, &result, key, own = Open()] { SignOverAndOver(own, key, result); });
  }
}

Result Signers::Finish() {
  stop_.store(true);
  for (std::thread& thread : threads_) thread.join();
  list_->C_Finalize(nullptr);
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

void Signers::Load(const std::string& module, const std::string& token) {
  void* const library = dlopen(module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  auto* const get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (get == nullptr) throw std::runtime_error(module + " is no PKCS#11 module");
  Check(get(&list_), "C_GetFunctionList");
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  Check(list_->C_Initialize(&arguments), "C_Initialize");
  std::array<CK_SLOT_ID, 16> slots{};
  CK_ULONG count = slots.size();
  Check(list_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  std::string padded = token;
  padded.resize(sizeof CK_TOKEN_INFO::label, ' ');
  const auto* const found = std::find_if(slots.begin(), slots.begin() + count, [&](CK_SLOT_ID one) {
    CK_TOKEN_INFO info{};
    Check(list_->C_GetTokenInfo(one, &info), "C_GetTokenInfo");
    return padded == std::string_view(reinterpret_cast<char*>(info.label), sizeof info.label);
  });
  if (found == slots.begin() + count) throw std::runtime_error("there is no token " + token);
  slot_ = *found;
}

CK_SESSION_HANDLE Signers::Open() const {
  CK_SESSION_HANDLE session = 0;
  Check(list_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session),
        "C_OpenSession");
  return session;
}

CK_OBJECT_HANDLE Signers::Find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS of_class,
                               const std::string& label) const {
  std::array wanted = {CK_ATTRIBUTE{CKA_CLASS, &of_class, sizeof of_class},
                       CK_ATTRIBUTE{CKA_LABEL, Text(label), label.size()}};
  CK_OBJECT_HANDLE object = 0;
  CK_ULONG count = 0;
  Check(list_->C_FindObjectsInit(session, wanted.data(), wanted.size()), "C_FindObjectsInit");
  Check(list_->C_FindObjects(session, &object, 1, &count), "C_FindObjects");
  Check(list_->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (count != 1) throw std::runtime_error("there is no key " + label);
  return object;
}

crypto::PublicKey Signers::ReadPublicKey(CK_SESSION_HANDLE session,
                                         const std::string& label) const {
  Bytes der(512);
  CK_ATTRIBUTE wanted{CKA_PUBLIC_KEY_INFO, der.data(), der.size()};
  Check(list_->C_GetAttributeValue(session, Find(session, CKO_PUBLIC_KEY, label), &wanted, 1),
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
  const CK_RV begun = list_->C_SignInit(session, &mechanism, key);
  if (begun != CKR_OK) return begun;
  signature.resize(2 * kDigestSize);
  CK_ULONG size = signature.size();
  const CK_RV rv = list_->C_Sign(session, digest.data(), digest.size(), signature.data(), &size);
  signature.resize(rv == CKR_OK ? size : 0);
  return rv;
}

}  // namespace twinseal::chaos
