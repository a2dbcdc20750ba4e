#include "common/etcd/watch.h"

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"
#include "common/etcd/wire.h"

namespace twinseal::etcd {
namespace {

// A revision's events come in one line: a transaction of 1.5 MiB, in base64, and much room.
constexpr std::size_t kMaxLineBytes = std::size_t{16} << 20U;

// Cuts what comes into lines.
class Lines {
 public:
  // False when a line is too long, or `on_line` returned false.
  bool Add(std::string_view data, const std::function<bool(std::string_view)>& on_line) {
    while (true) {
      const std::size_t end = data.find('\n');
      rest_.append(data.substr(0, end));
      if (too_long()) return false;
      if (end == std::string_view::npos) return true;
      const bool go_on = rest_.empty() || on_line(rest_);
      rest_.clear();
      if (!go_on) return false;
      data.remove_prefix(end + 1);
    }
  }
  bool too_long() const { return rest_.size() > kMaxLineBytes; }

 private:
  std::string rest_;
};

}  // namespace

Watch::Watch(Gateway& gateway, std::size_t endpoint)
    : gateway_(gateway),
      endpoint_(gateway.options().endpoints.at(endpoint)),
      stream_(gateway.options().identity) {}

Status Watch::Run(const WatchCreateRequest& request,
                  const std::function<bool(const WatchResponse&)>& on_response) {
  WatchRequest whole;
  *whole.mutable_create_request() = request;
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, ToJson(whole));
  Status status = Ok();
  const auto on_line = [&](std::string_view text) {
    WatchLine line;
    status = FromJson(text, line);
    if (status.ok() && line.has_error()) {
      status = ErrorOf(line.error().grpc_code(), line.error().message());
    }
    return status.ok() && on_response(line.result());
  };
  Lines lines;
  const std::optional<https::Outcome> outcome =
      stream_.Run(endpoint_ + "/v3/watch", {"Content-Type: application/json", "Expect:"}, body,
                  gateway_.options().connect_timeout,
                  [&](std::string_view data) { return lines.Add(data, on_line); });
  if (lines.too_long()) return Error(Code::kInternal, "etcd told of a change that is too long");
  if (!outcome.has_value()) return status;
  if (const auto* const failure = std::get_if<https::Failure>(&*outcome)) {
    return ErrorOf(endpoint_, *failure);
  }
  return Error(Code::kUnavailable, fmt::format("etcd at {} ended the watch", endpoint_));
}

}  // namespace twinseal::etcd
