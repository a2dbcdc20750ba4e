#include "common/crypto/tls.h"

#include <utility>

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/crypto/openssl_error.h"

namespace twinseal::crypto {

Result<std::shared_ptr<TlsContext>> TlsContext::Server(const Certificate& certificate,
                                                       const SoftwareKey& key,
                                                       const Certificate& client_ca) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr) return OpenSslError(Code::kInternal, "making a TLS context");
  SSL_CTX* const raw = context.get();
  if (SSL_CTX_set_min_proto_version(raw, TLS1_3_VERSION) != 1 ||
      SSL_CTX_use_certificate(raw, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(raw, key.get()) != 1 || SSL_CTX_check_private_key(raw) != 1) {
    return OpenSslError(Code::kInternal, "using the appliance's TLS certificate");
  }
  if (X509_STORE_add_cert(SSL_CTX_get_cert_store(raw), client_ca.get()) != 1 ||
      SSL_CTX_add_client_CA(raw, client_ca.get()) != 1 ||
      SSL_CTX_set_purpose(raw, X509_PURPOSE_SSL_CLIENT) != 1) {
    return OpenSslError(Code::kInternal, "trusting the operator CA");
  }
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(raw, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
  return std::shared_ptr<TlsContext>(new TlsContext(std::move(context)));
}

}  // namespace twinseal::crypto
