#include "common/crypto/tls.h"

#include <array>
#include <string_view>

#include "common/crypto/openssl_error.h"
#include "common/crypto/openssl_ptr.h"

namespace twinseal::crypto {
namespace {

// RFC 7301 §3.1's form: a length and a name.
constexpr std::string_view kHttp11 = "\x08http/1.1";

// A client that offers protocols without HTTP/1.1 among them goes on without one, and finds out by
// the first answer.
int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* selected = nullptr;
  const int result = SSL_select_next_proto(
      &selected, chosen_size, reinterpret_cast<const unsigned char*>(kHttp11.data()),
      static_cast<unsigned int>(kHttp11.size()), offered, offered_size);
  if (result != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_NOACK;
  *chosen = selected;
  return SSL_TLSEXT_ERR_OK;
}

Status SetIdentity(SSL_CTX* context, const std::vector<Certificate>& chain,
                   const SoftwareKey& key) {
  if (chain.empty()) return Error(Code::kInvalidArgument, "a TLS server needs a certificate");
  if (SSL_CTX_use_certificate(context, chain.front().native()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.native()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    return OpensslError(Code::kInvalidArgument, "the TLS certificate and key do not fit");
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain[i].native()) != 1) {
      return OpensslError(Code::kInternal, "adding to the TLS certificate chain");
    }
  }
  return Ok();
}

Status SetClientCa(SSL_CTX* context, const Certificate& client_ca) {
  if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), client_ca.native()) != 1 ||
      // Named in the handshake, so that a client with several certificates knows which to send.
      SSL_CTX_add_client_CA(context, client_ca.native()) != 1 ||
      SSL_CTX_set_purpose(context, X509_PURPOSE_SSL_CLIENT) != 1) {
    return OpensslError(Code::kInternal, "setting the client CA");
  }
  // The client CA is trusted for itself, whatever signed it.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context), X509_V_FLAG_PARTIAL_CHAIN);
  // The operator CA's own certificate is the longest chain: the leaf and it.
  SSL_CTX_set_verify_depth(context, 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  return Ok();
}

}  // namespace

Result<std::shared_ptr<const ServerTls>> ServerTls::Make(const std::vector<Certificate>& chain,
                                                         const SoftwareKey& key,
                                                         const Certificate& client_ca) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_num_tickets(context.get(), 0) != 1) {
    return OpensslError(Code::kInternal, "preparing TLS");
  }
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // Buffers of idle connections are given back; partial writes let Asio see progress.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_alpn_select_cb(context.get(), ChooseProtocol, nullptr);
  TWINSEAL_RETURN_IF_ERROR(SetIdentity(context.get(), chain, key));
  TWINSEAL_RETURN_IF_ERROR(SetClientCa(context.get(), client_ca));
  return std::shared_ptr<const ServerTls>(new ServerTls(std::move(context)));
}

}  // namespace twinseal::crypto
