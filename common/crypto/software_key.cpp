#include "common/crypto/software_key.h"

#include <algorithm>
#include <climits>
#include <utility>

#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "common/crypto/openssl_error.h"
#include "common/crypto/openssl_ptr.h"
#include "common/crypto/signature_scheme.h"

namespace twinseal::crypto {
namespace {

// A PEM file that wants a passphrase is refused rather than asked for on the terminal, as OpenSSL
// would.
int NoPassphrase(char*, int, int, void*) { return -1; }

// Gives the Secret that `passphrase` points to.
int GivePassphrase(char* buffer, int size, int /*for_writing*/, void* passphrase) {
  const BytesView text = static_cast<const Secret*>(passphrase)->Reveal(SecretAccess());
  if (text.size() > static_cast<std::size_t>(size)) return -1;
  std::ranges::copy(text, buffer);
  return static_cast<int>(text.size());
}

// Null when OpenSSL does not take it.
Result<std::shared_ptr<EVP_PKEY>> ReadPem(const Secret& pem, pem_password_cb* ask, void* with) {
  const BytesView text = pem.Reveal(SecretAccess());
  if (text.size() > INT_MAX) return Error(Code::kInvalidArgument, "the private key is too long");
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (bio == nullptr) return OpensslError(Code::kInternal, "reading a private key");
  return std::shared_ptr<EVP_PKEY>(PEM_read_bio_PrivateKey(bio.get(), nullptr, ask, with),
                                   EVP_PKEY_free);
}

Result<PublicKey> PublicHalf(EVP_PKEY* key) {
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(key, &encoded);
  if (size <= 0) return OpensslError(Code::kInternal, "encoding a public key");
  const Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return PublicKey::FromDer(der);
}

// RFC 8032 §5.1.6: over the message itself.
Result<Bytes> SignMessage(EVP_PKEY* key, BytesView message) {
  const OpensslPtr<EVP_MD_CTX, EVP_MD_CTX_free> context(EVP_MD_CTX_new());
  std::size_t size = 0;
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key) != 1 ||
      EVP_DigestSign(context.get(), nullptr, &size, message.data(), message.size()) != 1) {
    return OpensslError(Code::kInternal, "signing in software");
  }
  Bytes signature(size);
  if (EVP_DigestSign(context.get(), signature.data(), &size, message.data(), message.size()) != 1) {
    return OpensslError(Code::kInternal, "signing in software");
  }
  signature.resize(size);
  return signature;
}

}  // namespace

Result<Bytes> SoftwareKey::Sign(v1::Scheme scheme, BytesView digest) const {
  const SchemeInfo* const info = Find(scheme);
  const AlgorithmInfo* const algorithm = Find(public_key_.algorithm());
  if (info == nullptr || algorithm == nullptr || !Fits(*info, *algorithm)) {
    return Error(Code::kInvalidArgument, "scheme: it does not fit the key");
  }
  TWINSEAL_RETURN_IF_ERROR(CheckDigest(*info, digest.size()));
  if (info->family == Family::kEd25519) return SignMessage(key_.get(), digest);
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key_.get(), nullptr));
  std::size_t size = 0;
  if (context == nullptr || EVP_PKEY_sign_init(context.get()) != 1 ||
      !SetSignatureScheme(context.get(), *info) ||
      EVP_PKEY_sign(context.get(), nullptr, &size, digest.data(), digest.size()) != 1) {
    return OpensslError(Code::kInternal, "signing in software");
  }
  Bytes signature(size);
  if (EVP_PKEY_sign(context.get(), signature.data(), &size, digest.data(), digest.size()) != 1) {
    return OpensslError(Code::kInternal, "signing in software");
  }
  signature.resize(size);
  return signature;
}

Result<SoftwareKey> SoftwareKey::Generate() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (key == nullptr) return OpensslError(Code::kInternal, "generating a P-256 key");
  TWINSEAL_ASSIGN_OR_RETURN(PublicKey public_key, PublicHalf(key.get()));
  return SoftwareKey(std::move(key), std::move(public_key));
}

Result<SoftwareKey> SoftwareKey::FromKey(std::shared_ptr<EVP_PKEY> key) {
  TWINSEAL_ASSIGN_OR_RETURN(PublicKey public_key, PublicHalf(key.get()));
  return SoftwareKey(std::move(key), std::move(public_key));
}

Result<SoftwareKey> SoftwareKey::FromPem(const Secret& pem) {
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<EVP_PKEY> key, ReadPem(pem, NoPassphrase, nullptr));
  if (key == nullptr) {
    return OpensslError(Code::kInvalidArgument,
                        "the private key is not an unencrypted PEM private key");
  }
  return FromKey(std::move(key));
}

Result<SoftwareKey> SoftwareKey::FromEncryptedPem(const Secret& pem, const Secret& passphrase) {
  Secret copy(passphrase.Reveal(SecretAccess()));
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<EVP_PKEY> key, ReadPem(pem, GivePassphrase, &copy));
  if (key == nullptr) {
    return OpensslError(Code::kPermissionDenied, "the passphrase does not open the private key");
  }
  return FromKey(std::move(key));
}

Result<Secret> SoftwareKey::Pem() const {
  // A secure memory BIO scrubs its buffers when they grow and when it is freed.
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0,
                                                      nullptr, nullptr) != 1) {
    return OpensslError(Code::kInternal, "writing a private key");
  }
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return Secret(AsBytes({text, static_cast<std::size_t>(size)}));
}

}  // namespace twinseal::crypto
