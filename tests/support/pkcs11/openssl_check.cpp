#include "tests/support/pkcs11/openssl_check.h"

#include <memory>

#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace twinseal::test {
namespace {

using KeyOwner = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

KeyOwner ReadKey(const Bytes& der) {
  const unsigned char* next = der.data();
  return {d2i_PUBKEY(nullptr, &next, static_cast<long>(der.size())), EVP_PKEY_free};
}

// r and s, each half of it, as DER.
Bytes ToDer(const Bytes& signature) {
  const std::unique_ptr<ECDSA_SIG, void (*)(ECDSA_SIG*)> pair(ECDSA_SIG_new(), ECDSA_SIG_free);
  const int half = static_cast<int>(signature.size() / 2);
  ECDSA_SIG_set0(pair.get(), BN_bin2bn(signature.data(), half, nullptr),
                 BN_bin2bn(signature.data() + half, half, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &der);
  Bytes encoded(der, der + size);
  OPENSSL_free(der);
  return encoded;
}

}  // namespace

bool OpensslVerifies(const Bytes& key, const char* hash, RsaPadding padding, BytesView message,
                     const Bytes& signature) {
  const KeyOwner owner = ReadKey(key);
  const bool is_ec = EVP_PKEY_get_base_id(owner.get()) == EVP_PKEY_EC;
  const Bytes given = is_ec ? ToDer(signature) : signature;
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(),
                                                                   EVP_MD_CTX_free);
  EVP_PKEY_CTX* parameters = nullptr;
  if (EVP_DigestVerifyInit_ex(context.get(), &parameters, hash, nullptr, nullptr, owner.get(),
                              nullptr) != 1) {
    return false;
  }
  if (padding == RsaPadding::kPss &&
      (EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) != 1 ||
       EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, RSA_PSS_SALTLEN_DIGEST) != 1)) {
    return false;
  }
  return EVP_DigestVerify(context.get(), given.data(), given.size(), message.data(),
                          message.size()) == 1;
}

bool OpensslVerifiesDigest(const Bytes& key, BytesView digest, const Bytes& signature) {
  const KeyOwner owner = ReadKey(key);
  const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
      EVP_PKEY_CTX_new(owner.get(), nullptr), EVP_PKEY_CTX_free);
  const Bytes der = ToDer(signature);
  return EVP_PKEY_verify_init(context.get()) == 1 &&
         EVP_PKEY_verify(context.get(), der.data(), der.size(), digest.data(), digest.size()) == 1;
}

}  // namespace twinseal::test
