// A P-256 key in this process that signs digests, as the appliance's HSM would.
#pragma once

#include <memory>
#include <string>

#include <openssl/evp.h>

#include "common/base/bytes.h"
#include "common/crypto/software_key.h"

namespace twinseal::cli {

class SoftwareSigner {
 public:
  SoftwareSigner() : key_(crypto::SoftwareKey::Generate().value()) {}

  const crypto::PublicKey& public_key() const { return key_.public_key(); }

  // A DER signature; empty when OpenSSL refuses.
  std::string Sign(const std::string& digest) const {
    const std::unique_ptr<EVP_PKEY_CTX, void (*)(EVP_PKEY_CTX*)> context(
        EVP_PKEY_CTX_new(key_.native(), nullptr), EVP_PKEY_CTX_free);
    const BytesView input = AsBytes(digest);
    std::size_t size = 128;  // At most 72 for P-256.
    std::string signature(size, '\0');
    if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
        EVP_PKEY_sign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                      input.data(), input.size()) != 1) {
      return "";
    }
    signature.resize(size);
    return signature;
  }

 private:
  crypto::SoftwareKey key_;
};

}  // namespace twinseal::cli
