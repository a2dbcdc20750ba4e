// A private key that stays on a token, as an OpenSSL key (through libp11).
#pragma once

#include <memory>
#include <string>

#include <openssl/types.h>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "hsm/pkcs11/module.h"
#include "hsm/pkcs11/uri.h"

namespace twinseal::hsm {

// For rare work such as signing the appliance's identity certificate: X509_sign(certificate,
// key.get(), EVP_sha256()). The EVP_PKEY signs on the token; it lives as long as this object. One
// thread at a time. Beside a Connection that has the module open it shares the module, and leaves
// the connection's sessions as they are; then a few hundred bytes of libp11's stay behind.
class TokenKey {
 public:
  // The private key with this label on the token. not_found when there is none; an empty PIN when
  // this process is logged in already.
  static Result<TokenKey> Open(const ModuleOptions& module, const TokenSelector& token,
                               const Secret& pin, const std::string& label);
  ~TokenKey();

  TokenKey(TokenKey&&) noexcept;
  TokenKey& operator=(TokenKey&&) noexcept;

  EVP_PKEY* get() const;

 private:
  struct Impl;
  explicit TokenKey(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace twinseal::hsm
