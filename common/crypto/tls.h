// TLS 1.3 contexts (RFC 8446), for servers that ask their clients for certificates.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "common/crypto/x509.h"

typedef struct ssl_ctx_st SSL_CTX;

namespace twinseal::crypto {

// Immutable; shared by the connections that were made with it.
class TlsContext {
 public:
  // Shows `certificate`, whose key is `key`, and trusts client certificates that `client_ca` issued
  // for client authentication. A client without a certificate is let through the handshake; what it
  // may do is decided later. No session is resumed, so that a certificate is looked at on each
  // connection.
  static Result<std::shared_ptr<TlsContext>> Server(const Certificate& certificate,
                                                    const SoftwareKey& key,
                                                    const Certificate& client_ca);

  SSL_CTX* get() const { return context_.get(); }

 private:
  explicit TlsContext(std::shared_ptr<SSL_CTX> context) : context_(std::move(context)) {}
  std::shared_ptr<SSL_CTX> context_;
};

}  // namespace twinseal::crypto
