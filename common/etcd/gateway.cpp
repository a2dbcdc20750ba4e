#include "common/etcd/gateway.h"

#include <utility>

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"
#include "common/etcd/wire.h"

namespace twinseal::etcd {
namespace {

// A page of a listing.
constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20U;

Status ReadAnswer(https::Answer& answer, google::protobuf::Message& response) {
  TWINSEAL_RETURN_IF_ERROR(StatusOf(answer));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<std::string> message, TakeFrame(answer.body));
  return message ? Parse(*message, response) : Status(NotEtcd());
}

}  // namespace

bool IsLeaderChange(const Error& error) {
  return error.code() == Code::kUnavailable &&
         error.origin().find("leader changed") != std::string::npos;
}

Gateway::Gateway(GatewayOptions options)
    : options_(std::move(options)), races_(options_.identity, kMaxAnswerBytes) {}

Result<std::unique_ptr<Gateway>> Gateway::Create(GatewayOptions options) {
  if (options.endpoints.empty())
    return Error(Code::kInvalidArgument, "no endpoint of etcd is given");
  TWINSEAL_RETURN_IF_ERROR(https::Start());
  return std::unique_ptr<Gateway>(new Gateway(std::move(options)));
}

Status Gateway::Call(std::string_view method, const google::protobuf::Message& request,
                     google::protobuf::Message& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, ToFrame(request));
  Status last = Ok();
  const std::size_t first = preferred();
  for (std::size_t i = 0; i < options_.endpoints.size(); ++i) {
    const std::size_t endpoint = (first + i) % options_.endpoints.size();
    Tried tried = Try(endpoint, method, body, response, {});
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
                       google::protobuf::Message& response, const Wait& wait) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, ToFrame(request));
  return Try(endpoint, method, body, response, wait).status;
}

void Gateway::Pass(std::size_t endpoint) {
  preferred_.compare_exchange_strong(endpoint, (endpoint + 1) % options_.endpoints.size());
}

Gateway::Tried Gateway::Try(std::size_t endpoint, std::string_view method, const std::string& body,
                            google::protobuf::Message& response, const Wait& wait) {
  https::Request request{CallUrl(options_.endpoints[endpoint], method),
                         CallHeaders(),
                         &body,
                         {wait.timeout.value_or(options_.call_timeout), options_.connect_timeout}};
  request.http2 = true;
  https::Outcome outcome = Run(request, wait);
  if (const auto* const failure = std::get_if<https::Failure>(&outcome)) {
    return {ErrorOf(options_.endpoints[endpoint], *failure), failure->connected};
  }
  return {ReadAnswer(std::get<https::Answer>(outcome), response), true};
}

https::Outcome Gateway::Run(const https::Request& request, const Wait& wait) {
  constexpr std::chrono::milliseconds kAskEvery{50};
  constexpr std::size_t kOnly = 0;
  const auto race = races_.Take();
  race->Enter(kOnly, request);
  while (true) {
    auto finish = race->Next(std::chrono::steady_clock::now() + kAskEvery);
    if (finish) return std::move(finish->outcome);
    if (!wait.worthwhile || wait.worthwhile()) continue;
    // It may have come while that was asked.
    finish = race->Next(std::chrono::steady_clock::now());
    return finish ? std::move(finish->outcome) : race->Leave(kOnly).outcome;
  }
}

}  // namespace twinseal::etcd
