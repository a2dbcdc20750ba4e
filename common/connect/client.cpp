#include "common/connect/client.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "common/connect/client_call.h"
#include "common/connect/codec.h"
#include "common/https/pool.h"

namespace twinseal::connect {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

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

  Tried TryCall(std::size_t endpoint, std::string_view path, const std::string& body,
                https::Patience patience, google::protobuf::Message& response) {
    const std::string& at = endpoints_[endpoint];
    return ReadOutcome(
        at, transfers_.Take()->Run(RequestOf(at, path, body, patience.whole, patience.connect)),
        response);
  }

  Result<std::string> Get(std::size_t endpoint, std::string_view path, https::Patience patience) {
    const std::string& at = endpoints_[endpoint];
    return ReadPlainOutcome(
        at, transfers_.Take()->Run({at + std::string(path), {}, nullptr, patience}));
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
  TWINSEAL_RETURN_IF_ERROR(CheckOptions(options));
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
