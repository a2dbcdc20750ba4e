#include "common/connect/client.h"

#include <mutex>
#include <utility>

#include <curl/curl.h>
#include <fmt/format.h>
#include <google/protobuf/message.h>
#include <unistd.h>

#include "common/connect/codec.h"

namespace twinseal::connect {
namespace {

constexpr std::size_t kMaxResponseBytes = std::size_t{64} << 20;
constexpr long kKeepAliveSeconds = 20;  // Found out before a firewall forgets the connection.

using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

std::size_t Collect(char* data, std::size_t size, std::size_t count, void* into) {
  std::string& body = *static_cast<std::string*>(into);
  if (body.size() + size * count > kMaxResponseBytes) return 0;
  body.append(data, size * count);
  return size * count;
}

Status CheckReadable(std::string_view what, const std::string& path) {
  if (access(path.c_str(), R_OK) == 0) return Ok();
  return Error(Code::kNotFound, fmt::format("{}: the file '{}' cannot be read", what, path));
}

Error ErrorOf(CURLcode code, std::string_view words, const std::string& endpoint) {
  const auto tell = [&](Code as, std::string_view what) {
    return Error(as, fmt::format("{}: {} ({})", endpoint, what, words), curl_easy_strerror(code));
  };
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return tell(Code::kDeadlineExceeded, "no answer in time");
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return tell(Code::kUnavailable, "cannot be reached");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return tell(Code::kUnauthenticated,
                  "its certificate was not issued by the CA that is trusted here");
    case CURLE_SSL_CERTPROBLEM:
      return tell(Code::kUnauthenticated, "the client's certificate or key cannot be used");
    case CURLE_SSL_CONNECT_ERROR:
      return tell(Code::kUnavailable, "the TLS connection could not be made");
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      // With TLS 1.3 a refused client certificate shows only on the first read (RFC 8446 §4.4.2.4).
      if (words.find("alert") != std::string_view::npos) {
        return tell(Code::kUnauthenticated, "the client's certificate was refused");
      }
      return tell(Code::kUnavailable, "the connection broke");
    default:
      return tell(Code::kUnavailable, "the call failed");
  }
}

void InitializeCurlOnce() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

struct Client::Impl {
  ClientOptions options;
  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy{nullptr, &curl_easy_cleanup};
  Headers headers{nullptr, &curl_slist_free_all};
  char words[CURL_ERROR_SIZE] = {};
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  if (!options.endpoint.starts_with("https://") || options.endpoint.size() > 512) {
    return Error(Code::kInvalidArgument,
                 fmt::format("'{}' is no endpoint; one looks like https://appliance.example:8443",
                             options.endpoint.substr(0, 64)));
  }
  while (options.endpoint.ends_with('/')) options.endpoint.pop_back();
  TWINSEAL_RETURN_IF_ERROR(CheckReadable("the CA's certificate", options.ca_file));
  TWINSEAL_RETURN_IF_ERROR(CheckReadable("the client's certificate", options.certificate_file));
  TWINSEAL_RETURN_IF_ERROR(CheckReadable("the client's key", options.key_file));

  InitializeCurlOnce();
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  impl->easy.reset(curl_easy_init());
  impl->headers.reset(curl_slist_append(nullptr, "Content-Type: application/proto"));
  if (impl->headers != nullptr) {
    // No 100-continue: it costs a round trip for each larger body.
    curl_slist_append(impl->headers.get(), "Expect:");
    curl_slist_append(impl->headers.get(), "Connect-Protocol-Version: 1");
  }
  if (impl->easy == nullptr || impl->headers == nullptr) {
    return Error(Code::kInternal, "libcurl cannot be set up");
  }
  CURL* const easy = impl->easy.get();
  const ClientOptions& o = impl->options;
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, impl->words);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, impl->headers.get());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_3);
  curl_easy_setopt(easy, CURLOPT_CAINFO, o.ca_file.c_str());
  curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  curl_easy_setopt(easy, CURLOPT_SSLCERT, o.certificate_file.c_str());
  curl_easy_setopt(easy, CURLOPT_SSLKEY, o.key_file.c_str());
  curl_easy_setopt(easy, CURLOPT_PROXY, "");  // Mutual TLS goes straight to the appliance.
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(o.connect_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(o.call_timeout.count()));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Collect);
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  return std::unique_ptr<Client>(new Client(std::move(impl)));
}

Status Client::Call(std::string_view procedure, const google::protobuf::Message& request,
                    google::protobuf::Message& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, Encode(Encoding::kProto, request));
  const std::string url = fmt::format("{}/twinseal.v1.{}", impl_->options.endpoint, procedure);
  std::string answer;
  CURL* const easy = impl_->easy.get();
  impl_->words[0] = '\0';
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer);
  const CURLcode done = curl_easy_perform(easy);
  if (done != CURLE_OK) {
    const std::string_view words =
        impl_->words[0] != '\0' ? impl_->words : curl_easy_strerror(done);
    return ErrorOf(done, words, impl_->options.endpoint);
  }
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) return DecodeError(static_cast<int>(status), answer);
  if (const Status decoded = Decode(Encoding::kProto, answer, response); !decoded.ok()) {
    return Error(Code::kInternal, fmt::format("{}: the answer cannot be read: {}",
                                              impl_->options.endpoint, decoded.error().message()));
  }
  return Ok();
}

}  // namespace twinseal::connect
