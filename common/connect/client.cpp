#include "common/connect/client.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <variant>

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "common/connect/codec.h"
#include "common/connect/curl_errors.h"
#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"
#include "common/https/transfer_pool.h"

namespace twinseal::connect {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The largest answer: a page of 1,000 keys with long policies has a few megabytes.
constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20U;
// The server answers at the deadline itself; this is how much longer the client waits to hear it.
constexpr Milliseconds kAnswerGrace{1'000};

https::Outcome Post(https::Transfer& transfer, const std::string& url, const std::string& body,
                    https::Patience patience) {
  const std::vector<std::string> headers = {
      "Content-Type: application/proto", "Connect-Protocol-Version: 1",
      fmt::format("Connect-Timeout-Ms: {}", patience.whole.count()),
      // Asking first whether a body is welcome costs a round trip for each larger one.
      "Expect:"};
  return transfer.Post(url, headers, body, {patience.whole + kAnswerGrace, patience.connect});
}

Status CheckEndpoint(std::string& endpoint) {
  constexpr std::size_t kMaxEndpoint = 512;
  constexpr std::size_t kShown = 64;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const std::string_view scheme = "https://";
  const std::string_view rest =
      std::string_view(endpoint).substr(std::min(scheme.size(), endpoint.size()));
  const bool odd =
      std::ranges::any_of(rest, [](char c) { return c <= ' ' || c > '~' || c == '/' || c == '@'; });
  if (!endpoint.starts_with(scheme) || rest.empty() || odd || endpoint.size() > kMaxEndpoint) {
    return Error(
        Code::kInvalidArgument,
        fmt::format("'{}' is not an endpoint; one looks like https://appliance.example:8443",
                    endpoint.substr(0, kShown)));
  }
  return Ok();
}

Status CheckProxy(const std::string& proxy) {
  if (proxy.empty()) return Ok();
  constexpr std::string_view kScheme = "http://";
  const std::string_view rest =
      std::string_view(proxy).substr(std::min(kScheme.size(), proxy.size()));
  const bool odd =
      std::ranges::any_of(rest, [](char c) { return c <= ' ' || c > '~' || c == '/' || c == '@'; });
  if (proxy.starts_with(kScheme) && !odd && rest.find(':') != std::string_view::npos) return Ok();
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

// Whether another endpoint may do better: this one could not be reached, or says so itself.
bool PassOver(const Error& error) {
  return error.code() == Code::kUnavailable || error.code() == Code::kUnauthenticated;
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientOptions options)
      : endpoints_(std::move(options.endpoints)),
        connect_timeout_(options.connect_timeout),
        identity_{std::move(options.ca_pem), std::move(options.certificate_pem),
                  std::move(options.key_pem), std::move(options.proxy), options.any_server} {}

  const std::vector<std::string>& endpoints() const { return endpoints_; }

  // For a call that may take `timeout`, of which reaching the server may take `connect` at most.
  https::Patience Within(Milliseconds timeout, Milliseconds connect) const {
    return {std::clamp(timeout, Milliseconds(1), Milliseconds(INT32_MAX)),
            std::min(connect, connect_timeout_)};
  }

  struct Tried {
    Status status;
    bool sent = false;      // The server may have acted on it.
    bool answered = false;  // The status is the server's.
  };

  Tried TryCall(std::size_t endpoint, std::string_view path, const std::string& body,
                https::Patience patience, google::protobuf::Message& response) {
    const std::string url = endpoints_[endpoint] + std::string(path);
    const https::Outcome outcome = transfers_.Use(
        [&](https::Transfer& transfer) { return Post(transfer, url, body, patience); });
    if (const auto* const failure = std::get_if<https::Failure>(&outcome)) {
      Error error = ErrorOfTransfer(endpoints_[endpoint], *failure);
      // A refused client certificate shows after the request has gone out, but nobody has read
      // that.
      const bool sent = failure->connected && error.code() != Code::kUnauthenticated;
      return {std::move(error), sent, false};
    }
    return {Read(endpoints_[endpoint], std::get<https::Answer>(outcome), response), true, true};
  }

  Result<std::string> Get(std::size_t endpoint, std::string_view path, https::Patience patience) {
    const std::string url = endpoints_[endpoint] + std::string(path);
    https::Outcome outcome = transfers_.Use([&](https::Transfer& transfer) {
      return transfer.Get(url, {patience.whole + kAnswerGrace, patience.connect});
    });
    if (const auto* const failure = std::get_if<https::Failure>(&outcome)) {
      return ErrorOfTransfer(endpoints_[endpoint], *failure);
    }
    auto& answer = std::get<https::Answer>(outcome);
    if (answer.status != kOkStatus) return DecodeError(answer.status, answer.body);
    return std::move(answer.body);
  }

  Status CallAny(std::string_view path, const google::protobuf::Message& request,
                 google::protobuf::Message& response, const CallOptions& options) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::string body, Encode(Encoding::kProto, request));
    const Clock::time_point deadline = Clock::now() + options.timeout;
    const std::size_t first = preferred_.load(std::memory_order_relaxed);
    std::vector<Error> failures;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
      const std::size_t endpoint = (first + i) % endpoints_.size();
      const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
      if (left <= Milliseconds::zero()) {
        failures.emplace_back(Code::kDeadlineExceeded, "the time for the call is over");
        break;
      }
      // One that does not answer leaves time for those behind it.
      const auto share = left / static_cast<std::int64_t>(endpoints_.size() - i);
      const Tried tried = TryCall(endpoint, path, body, Within(left, share), response);
      const bool next =
          !tried.status.ok() && PassOver(tried.status.error()) &&
          (!tried.answered || tried.status.error().code() != Code::kUnauthenticated) &&
          (options.repeatable || !tried.sent);
      if (!next) {
        if (tried.answered) preferred_.store(endpoint, std::memory_order_relaxed);
        return tried.status;
      }
      failures.push_back(tried.status.error());
    }
    return Summary(failures);
  }

 private:
  static constexpr int kOkStatus = 200;

  static Status Read(const std::string& endpoint, const https::Answer& answer,
                     google::protobuf::Message& response) {
    if (answer.status != kOkStatus) return DecodeError(answer.status, answer.body);
    const Status decoded =
        EncodingOf(answer.content_type) == Encoding::kProto
            ? Decode(Encoding::kProto, AsBytes(answer.body), response)
            : Status(Error(Code::kUnknown, "it does not speak the Connect protocol"));
    if (decoded.ok()) return Ok();
    return Error(Code::kInternal, fmt::format("{} gave an answer that cannot be read; are it and "
                                              "this program of the same release? ({})",
                                              endpoint, decoded.error().message()));
  }

  static Error Summary(const std::vector<Error>& failures) {
    if (failures.size() == 1) return failures.front();
    std::string text;
    for (const Error& failure : failures) text += (text.empty() ? "" : "; ") + failure.message();
    const bool trust = std::ranges::all_of(
        failures, [](const Error& failure) { return failure.code() == Code::kUnauthenticated; });
    return Error(trust ? Code::kUnauthenticated : Code::kUnavailable,
                 fmt::format("no endpoint could be used: {}", text));
  }

  const std::vector<std::string> endpoints_;
  const Milliseconds connect_timeout_;
  const https::Identity identity_;
  std::atomic<std::size_t> preferred_{0};
  https::TransferPool transfers_{identity_, kMaxAnswerBytes};
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  if (options.endpoints.empty()) return Error(Code::kInvalidArgument, "no endpoint is given");
  for (std::string& endpoint : options.endpoints) TWINSEAL_RETURN_IF_ERROR(CheckEndpoint(endpoint));
  TWINSEAL_RETURN_IF_ERROR(CheckIdentity(options));
  TWINSEAL_RETURN_IF_ERROR(CheckProxy(options.proxy));
  TWINSEAL_RETURN_IF_ERROR(https::Start());
  return std::unique_ptr<Client>(new Client(std::make_unique<Impl>(std::move(options))));
}

std::size_t Client::endpoint_count() const { return impl_->endpoints().size(); }
const std::string& Client::endpoint(std::size_t index) const { return impl_->endpoints()[index]; }

Status Client::Call(std::string_view path, const google::protobuf::Message& request,
                    google::protobuf::Message& response, const CallOptions& options) {
  return impl_->CallAny(path, request, response, options);
}

Status Client::CallAt(std::size_t endpoint, std::string_view path,
                      const google::protobuf::Message& request, google::protobuf::Message& response,
                      const CallOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, Encode(Encoding::kProto, request));
  return impl_
      ->TryCall(endpoint, path, body, impl_->Within(options.timeout, options.timeout), response)
      .status;
}

Result<std::string> Client::GetAt(std::size_t endpoint, std::string_view path,
                                  const CallOptions& options) {
  return impl_->Get(endpoint, path, impl_->Within(options.timeout, options.timeout));
}

}  // namespace twinseal::connect
