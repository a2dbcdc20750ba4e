#include "common/connect/client_options.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"

namespace twinseal::connect {
namespace {

// Whether `url` is the scheme and then nothing but an authority without a password.
bool IsPlain(std::string_view url, std::string_view scheme) {
  constexpr std::size_t kMaxUrl = 512;
  if (url.size() > kMaxUrl || !url.starts_with(scheme) || url.size() == scheme.size()) return false;
  return std::ranges::none_of(url.substr(scheme.size()),
                              [](char c) { return c <= ' ' || c > '~' || c == '/' || c == '@'; });
}

Status CheckEndpoint(std::string& endpoint) {
  constexpr std::size_t kShown = 64;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  if (IsPlain(endpoint, "https://")) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("'{}' is not an endpoint; one looks like https://appliance.example:8443",
                           endpoint.substr(0, kShown)));
}

Status CheckProxy(const std::string& proxy) {
  constexpr std::string_view kScheme = "http://";
  if (proxy.empty()) return Ok();
  if (IsPlain(proxy, kScheme) && proxy.find(':', kScheme.size()) != std::string::npos) return Ok();
  // What stands there may have a password in it, so it is not repeated.
  return Error(Code::kInvalidArgument,
               "the proxy is not one that can be used; write http://HOST:PORT of an HTTP CONNECT "
               "proxy that asks for no password");
}

Status CheckIdentity(const ClientOptions& options) {
  if (!options.any_server) {
    const auto ca = crypto::ReadPemCertificates(options.ca_pem);
    if (!ca.ok()) return ca.error().Within("the CA certificate cannot be read");
  }
  if (options.certificate_pem.empty()) return Ok();
  const auto chain = crypto::ReadPemCertificates(options.certificate_pem);
  if (!chain.ok()) return chain.error().Within("the client certificate cannot be read");
  const auto key = crypto::SoftwareKey::FromPem(options.key_pem);
  if (!key.ok()) return key.error().Within("the client's key cannot be read");
  if (chain->front().SubjectPublicKeyInfo() != key->public_key().der()) {
    return Error(Code::kInvalidArgument,
                 "the client certificate is not of the client's key; configure the two that were "
                 "made together");
  }
  return Ok();
}

}  // namespace

Status CheckOptions(ClientOptions& options) {
  if (options.endpoints.empty()) return Error(Code::kInvalidArgument, "no endpoint is given");
  for (std::string& endpoint : options.endpoints) TWINSEAL_RETURN_IF_ERROR(CheckEndpoint(endpoint));
  TWINSEAL_RETURN_IF_ERROR(CheckIdentity(options));
  return CheckProxy(options.proxy);
}

}  // namespace twinseal::connect
