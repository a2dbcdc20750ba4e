#include "common/etcd/watch.h"

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"
#include "common/etcd/wire.h"

namespace twinseal::etcd {

namespace {

// False while it has not come whole.
Result<bool> Take(std::string& came, WatchResponse& response) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<std::string> message, TakeFrame(came));
  if (!message) return false;
  TWINSEAL_RETURN_IF_ERROR(Parse(*message, response));
  return true;
}

}  // namespace

Watch::Watch(Gateway& gateway, std::size_t endpoint)
    : gateway_(gateway),
      endpoint_(gateway.options().endpoints.at(endpoint)),
      stream_(gateway.options().identity) {}

Status Watch::Run(const WatchCreateRequest& request,
                  const std::function<bool(const WatchResponse&)>& on_response) {
  WatchRequest whole;
  *whole.mutable_create_request() = request;
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, ToFrame(whole));
  Status status = Ok();
  std::string came;
  const auto on_data = [&](std::string_view data) {
    came.append(data);
    while (true) {
      WatchResponse response;
      const Result<bool> taken = Take(came, response);
      if (!taken.ok()) {
        status = taken.error();
        return false;
      }
      if (!*taken) return true;
      if (!on_response(response)) return false;
    }
  };
  const std::optional<https::Outcome> outcome =
      stream_.Run(CallUrl(endpoint_, "Watch/Watch"), CallHeaders(), body,
                  gateway_.options().connect_timeout, on_data);
  if (!outcome.has_value()) return status;
  if (const auto* const failure = std::get_if<https::Failure>(&*outcome)) {
    return ErrorOf(endpoint_, *failure);
  }
  TWINSEAL_RETURN_IF_ERROR(StatusOf(std::get<https::Answer>(*outcome)));
  return Error(Code::kUnavailable, fmt::format("etcd at {} ended the watch", endpoint_));
}

}  // namespace twinseal::etcd
