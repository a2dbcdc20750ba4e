#include "common/crypto/digest.h"

#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace twinseal::crypto {
namespace {

// Hashing fails only when memory is gone or OpenSSL is broken, which leaves nothing safe to do.
void Require(int result) {
  if (result != 1) std::abort();
}

}  // namespace

Sha256Digest Sha256(BytesView bytes) {
  Sha256Digest digest{};
  unsigned int size = 0;
  Require(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr));
  return digest;
}

Result<Hasher> Hasher::Create(std::string_view hash) {
  const EVP_MD* const algorithm = EVP_get_digestbyname(std::string(hash).c_str());
  std::shared_ptr<EVP_MD_CTX> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  if (algorithm == nullptr || context == nullptr ||
      EVP_DigestInit_ex(context.get(), algorithm, nullptr) != 1) {
    return Error(Code::kUnimplemented, fmt::format("this OpenSSL does not have the hash {}", hash));
  }
  return Hasher(std::move(context));
}

std::size_t Hasher::size() const {
  return static_cast<std::size_t>(EVP_MD_CTX_get_size(context_.get()));
}

void Hasher::Update(BytesView bytes) {
  Require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

Bytes Hasher::Finish() {
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  Require(EVP_DigestFinal_ex(context_.get(), digest.data(), &size));
  digest.resize(size);
  return digest;
}

}  // namespace twinseal::crypto
