// What a TLS server needs: its certificate and key, and the CA whose client certificates it
// accepts.
#pragma once

#include <memory>
#include <vector>

#include "common/base/result.h"
#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"

typedef struct ssl_ctx_st SSL_CTX;

namespace twinseal::crypto {

// Immutable; safe to use from several threads at once.
class ServerTls {
 public:
  // TLS 1.3 only. A client certificate is asked for and may be left out; one that is sent must be
  // of `client_ca`, in its time and fit for TLS clients, or the handshake fails. No session
  // tickets, as a resumed session would be trusted after its certificate has expired. `chain`
  // begins with the key's own certificate. invalid_argument when key and certificate do not belong
  // together.
  static Result<std::shared_ptr<const ServerTls>> Make(const std::vector<Certificate>& chain,
                                                       const SoftwareKey& key,
                                                       const Certificate& client_ca);

  SSL_CTX* native() const { return context_.get(); }

 private:
  explicit ServerTls(std::shared_ptr<SSL_CTX> context) : context_(std::move(context)) {}
  std::shared_ptr<SSL_CTX> context_;
};

}  // namespace twinseal::crypto
