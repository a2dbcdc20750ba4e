#include "common/crypto/aead.h"

#include <climits>
#include <utility>

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "common/crypto/openssl_error.h"
#include "common/crypto/openssl_ptr.h"

namespace twinseal::crypto {
namespace {

using CipherContextPtr = OpensslPtr<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;

// EVP counts in int.
bool Countable(BytesView bytes) { return bytes.size() <= INT_MAX - Aead::kTagSize; }
int Count(BytesView bytes) { return static_cast<int>(bytes.size()); }

Error Unopened() {
  ERR_clear_error();
  return Error(Code::kDataLoss, "it was not sealed with this key for this place, or was changed");
}

}  // namespace

Result<Aead> Aead::Create(Secret key) {
  if (key.size() != kKeySize) {
    return Error(Code::kInvalidArgument,
                 fmt::format("a sealing key has {} bytes, not {}", kKeySize, key.size()));
  }
  return Aead(std::move(key));
}

Result<Bytes> Aead::Seal(BytesView plaintext, BytesView context) const {
  if (!Countable(plaintext) || !Countable(context))
    return Error(Code::kInvalidArgument, "it is too long to be sealed at once");
  Bytes sealed(kNonceSize + plaintext.size() + kTagSize);
  unsigned char* const body = sealed.data() + kNonceSize;
  int size = 0;
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  if (cipher == nullptr || RAND_bytes(sealed.data(), kNonceSize) != 1 ||
      EVP_EncryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                         key_.Reveal(SecretAccess()).data(), sealed.data()) != 1 ||
      EVP_EncryptUpdate(cipher.get(), nullptr, &size, context.data(), Count(context)) != 1 ||
      EVP_EncryptUpdate(cipher.get(), body, &size, plaintext.data(), Count(plaintext)) != 1 ||
      EVP_EncryptFinal_ex(cipher.get(), body + plaintext.size(), &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, body + plaintext.size()) !=
          1) {
    return OpensslError(Code::kInternal, "sealing");
  }
  return sealed;
}

Result<Bytes> Aead::Open(BytesView sealed, BytesView context) const {
  if (sealed.size() < kNonceSize + kTagSize || !Countable(sealed) || !Countable(context))
    return Unopened();
  const BytesView body = sealed.subspan(kNonceSize, sealed.size() - kNonceSize - kTagSize);
  Bytes tag(sealed.end() - kTagSize, sealed.end());
  // Update writes nothing where nothing comes in, but wants a place for it.
  Bytes plaintext(body.size() + 1);
  int size = 0;
  const CipherContextPtr cipher(EVP_CIPHER_CTX_new());
  if (cipher == nullptr ||
      EVP_DecryptInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr,
                         key_.Reveal(SecretAccess()).data(), sealed.data()) != 1 ||
      EVP_DecryptUpdate(cipher.get(), nullptr, &size, context.data(), Count(context)) != 1) {
    return OpensslError(Code::kInternal, "opening what was sealed");
  }
  if (EVP_DecryptUpdate(cipher.get(), plaintext.data(), &size, body.data(), Count(body)) != 1 ||
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(cipher.get(), plaintext.data() + body.size(), &size) != 1) {
    return Unopened();
  }
  plaintext.pop_back();
  return plaintext;
}

}  // namespace twinseal::crypto
