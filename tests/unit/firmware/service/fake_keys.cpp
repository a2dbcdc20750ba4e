#include "tests/unit/firmware/service/fake_keys.h"

#include <cstddef>
#include <memory>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

namespace twinseal::service {
namespace {

using PkeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

}  // namespace

FakeKeyPair NewKeyPair() {
  const PkeyPtr key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  unsigned char* der = nullptr;
  const int public_size = i2d_PUBKEY(key.get(), &der);
  const std::string public_der(reinterpret_cast<char*>(der), static_cast<std::size_t>(public_size));
  OPENSSL_free(der);
  der = nullptr;
  const int private_size = i2d_PrivateKey(key.get(), &der);
  std::string private_der(reinterpret_cast<char*>(der), static_cast<std::size_t>(private_size));
  OPENSSL_free(der);
  return {public_der, private_der};
}

std::string SignDigest(const std::string& private_der, const std::string& digest) {
  const auto* at = reinterpret_cast<const unsigned char*>(private_der.data());
  const PkeyPtr key(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(private_der.size())),
                    EVP_PKEY_free);
  const std::unique_ptr<EVP_PKEY_CTX, decltype(&EVP_PKEY_CTX_free)> context(
      EVP_PKEY_CTX_new(key.get(), nullptr), EVP_PKEY_CTX_free);
  EVP_PKEY_sign_init(context.get());
  std::size_t size = 0;
  const auto* data = reinterpret_cast<const unsigned char*>(digest.data());
  EVP_PKEY_sign(context.get(), nullptr, &size, data, digest.size());
  std::string signature(size, '\0');
  EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, data,
                digest.size());
  signature.resize(size);
  return signature;
}

}  // namespace twinseal::service
