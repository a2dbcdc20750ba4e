#include "common/etcd/gateway.h"

#include <utility>

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"
#include "common/etcd/wire.h"

namespace twinseal::etcd {
namespace {

// A page of a listing, or a transaction of 1.5 MiB, in base64.
constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20U;
constexpr int kOkStatus = 200;

}  // namespace

Gateway::Gateway(GatewayOptions options)
    : options_(std::move(options)), transfers_(options_.identity, kMaxAnswerBytes) {}

Result<std::unique_ptr<Gateway>> Gateway::Create(GatewayOptions options) {
  if (options.endpoints.empty())
    return Error(Code::kInvalidArgument, "no endpoint of etcd is given");
  TWINSEAL_RETURN_IF_ERROR(https::Start());
  return std::unique_ptr<Gateway>(new Gateway(std::move(options)));
}

Status Gateway::Call(std::string_view method, const google::protobuf::Message& request,
                     google::protobuf::Message& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, ToJson(request));
  Status last = Ok();
  const std::size_t first = preferred();
  for (std::size_t i = 0; i < options_.endpoints.size(); ++i) {
    const std::size_t endpoint = (first + i) % options_.endpoints.size();
    Tried tried = Try(endpoint, method, body, response, options_.call_timeout);
    if (tried.reached) {
      preferred_.store(endpoint, std::memory_order_relaxed);
      return std::move(tried.status);
    }
    last = std::move(tried.status);
  }
  return last;
}

Status Gateway::CallAt(std::size_t endpoint, std::string_view method,
                       const google::protobuf::Message& request,
                       google::protobuf::Message& response,
                       std::optional<std::chrono::milliseconds> timeout) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, ToJson(request));
  return Try(endpoint, method, body, response, timeout.value_or(options_.call_timeout)).status;
}

void Gateway::Pass(std::size_t endpoint) {
  preferred_.compare_exchange_strong(endpoint, (endpoint + 1) % options_.endpoints.size());
}

Gateway::Tried Gateway::Try(std::size_t endpoint, std::string_view method, const std::string& body,
                            google::protobuf::Message& response,
                            std::chrono::milliseconds timeout) {
  const std::string url = fmt::format("{}/v3/{}", options_.endpoints[endpoint], method);
  const https::Outcome outcome =
      transfers_.Take()->Run({url,
                              {"Content-Type: application/json", "Expect:"},
                              &body,
                              {timeout, options_.connect_timeout}});
  if (const auto* const failure = std::get_if<https::Failure>(&outcome)) {
    return {ErrorOf(options_.endpoints[endpoint], *failure), failure->connected};
  }
  const auto& answer = std::get<https::Answer>(outcome);
  if (answer.status == kOkStatus) return {FromJson(answer.body, response), true};
  GatewayError error;
  if (Status read = FromJson(answer.body, error); !read.ok()) return {std::move(read), true};
  return {ErrorOf(error.code(), error.message()), true};
}

}  // namespace twinseal::etcd
