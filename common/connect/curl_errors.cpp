#include "common/connect/curl_errors.h"

#include <array>
#include <cerrno>
#include <system_error>

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/x509_vfy.h>

namespace twinseal::connect {
namespace {

struct Told {
  Code code;
  std::string text;  // What stands behind the endpoint's name.
};

Told Unreachable(long system_error) {
  if (system_error == ECONNREFUSED) {
    return {Code::kUnavailable,
            "refused the connection; is the appliance running, and is this its port?"};
  }
  if (system_error != 0) {
    return {Code::kUnavailable,
            fmt::format("cannot be reached: {}; is the appliance running, and is the network up?",
                        std::generic_category().message(static_cast<int>(system_error)))};
  }
  return {Code::kUnavailable,
          "cannot be reached; is the appliance running, and is the network up?"};
}

Told ServerNotTrusted(long verify_result, std::string_view words) {
  // OpenSSL is done with the certificate then; names are libcurl's to compare.
  if (words.find("subject name") != std::string_view::npos) {
    return {Code::kUnauthenticated,
            "has a certificate for another name; call the appliance by a name that its certificate "
            "has"};
  }
  switch (verify_result) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return {Code::kUnauthenticated,
              "has a certificate that has expired; is this machine's clock right, and does the "
              "appliance renew it?"};
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return {Code::kUnauthenticated,
              "has a certificate that is not valid yet; is this machine's clock right?"};
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return {Code::kUnauthenticated,
              "has a certificate that it issued itself: either its signing core has not started "
              "since twinseald did, and its log says why, or the CA file is another appliance's"};
    default:
      return {
          Code::kUnauthenticated,
          fmt::format(
              "has a certificate that the configured CA did not issue ({}); is the CA file of this "
              "appliance?",
              X509_verify_cert_error_string(verify_result))};
  }
}

struct Alert {
  std::string_view words;  // OpenSSL's.
  std::string_view text;
};

// TLS 1.3 tells a client that its certificate is refused only when it reads first (RFC 8446
// §4.4.2.4, §6.2).
constexpr std::array kAlerts = {
    Alert{"alert unknown ca",
          "does not accept the client certificate: another CA issued it; use one that this "
          "appliance's operator CA "
          "has issued"},
    Alert{"alert certificate expired",
          "does not accept the client certificate: it has expired; ask an operator for a new one"},
    Alert{
        "alert bad certificate",
        "does not accept the client certificate; is it valid already, and are both clocks right?"},
    Alert{"alert certificate unknown",
          "does not accept the client certificate; is it meant for TLS clients?"},
    Alert{"alert unsupported certificate",
          "does not accept the client certificate; is it meant for TLS clients?"},
    Alert{"alert certificate required", "wants a client certificate; configure one"},
    Alert{"alert decrypt error",
          "does not accept the client's proof of its key; do certificate and key belong together?"},
};

Told OfTls(std::string_view words) {
  for (const Alert& alert : kAlerts) {
    if (words.find(alert.words) != std::string_view::npos)
      return {Code::kUnauthenticated, std::string(alert.text)};
  }
  if (words.find("wrong version number") != std::string_view::npos) {
    return {Code::kUnavailable,
            "does not speak TLS on that port; is it the appliance's HTTPS port?"};
  }
  if (words.find("alert protocol version") != std::string_view::npos) {
    return {Code::kUnavailable, "does not speak TLS 1.3; is it an appliance?"};
  }
  return {Code::kUnavailable,
          "broke the connection off; try again, and look at the appliance's log if it stays so"};
}

Told Tell(const https::Failure& failure) {
  switch (static_cast<CURLcode>(failure.code)) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {Code::kUnavailable,
              "cannot be reached: its name is not known; is the endpoint spelt right?"};
    case CURLE_COULDNT_CONNECT:
      return Unreachable(failure.system_error);
    case CURLE_OPERATION_TIMEDOUT:
      if (failure.connected) return {Code::kDeadlineExceeded, "did not answer in time"};
      return {
          Code::kUnavailable,
          "did not take the connection in time; is the appliance running, and is the network up?"};
    case CURLE_PEER_FAILED_VERIFICATION:
      return ServerNotTrusted(failure.verify_result, failure.words);
    case CURLE_SSL_CERTPROBLEM:
      return {Code::kUnauthenticated,
              "cannot be called with this client certificate and key; do they belong together?"};
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
      return {Code::kInternal, "answered with more than this client takes"};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return OfTls(failure.words);
    default:
      return {Code::kUnavailable, fmt::format("could not be called: {}", failure.words)};
  }
}

}  // namespace

Error ErrorOfTransfer(std::string_view endpoint, const https::Failure& failure) {
  const Told told = Tell(failure);
  return Error(told.code, fmt::format("{} {}", endpoint, told.text),
               fmt::format("curl {}: {}", failure.code, failure.words));
}

bool IsLasting(const https::Failure& failure) {
  return Tell(failure).code == Code::kUnauthenticated &&
         failure.verify_result != X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT;
}

}  // namespace twinseal::connect
