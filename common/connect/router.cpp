#include "common/connect/router.h"

#include <fmt/format.h>

#include "common/connect/errors.h"

namespace twinseal::connect {
namespace {

bool IsPlainPath(std::string_view path) {
  if (!path.starts_with('/')) return false;
  for (const char c : path) {
    if (c <= ' ' || c > '~' || c == '?' || c == '#' || c == '%') return false;
  }
  return true;
}

}  // namespace

Status Access::Admit(const crypto::Certificate* peer) const {
  if (!certificate_) return Ok();
  if (peer == nullptr) {
    return Error(Code::kUnauthenticated,
                 "the call came without a client certificate; configure one that this appliance's "
                 "operator CA has "
                 "issued");
  }
  return check_ == nullptr ? Ok() : check_(*peer);
}

Response ErrorResponse(const Error& error) {
  return {HttpStatus(error.code()), std::string(ContentType(Encoding::kJson)), EncodeError(error),
          error.code()};
}

void Responder::SendError(const Error& error) const { Send(ErrorResponse(error)); }

void Responder::SendMessage(Encoding encoding, const google::protobuf::Message& message) const {
  Result<std::string> body = Encode(encoding, message);
  if (!body.ok()) return SendError(body.error());
  Send({200, std::string(ContentType(encoding)), *std::move(body), std::nullopt});
}

void Router::AddGet(std::string path, Access access, Handler handler) {
  AddRoute(std::move(path), {"GET", std::move(access), {}, 0, std::move(handler), nullptr});
}

void Router::AddPost(std::string path, Access access, std::vector<std::string> content_types,
                     Handler handler, RouteOptions options) {
  if (content_types.empty()) wrong_.push_back(fmt::format("{} takes no content type", path));
  AddRoute(std::move(path), {"POST", std::move(access), std::move(content_types),
                             options.max_body_bytes, std::move(handler), nullptr});
}

void Router::AddConnect(std::string path, Access access, RouteOptions options,
                        EncodedHandler handler, Refusal refusal) {
  Route route{
      "POST",
      std::move(access),
      {std::string(ContentType(Encoding::kJson)), std::string(ContentType(Encoding::kProto))},
      options.max_body_bytes,
      nullptr,
      std::move(refusal)};
  route.handler = [handler = std::move(handler)](Request request, const Responder& responder) {
    // The server has checked it against the route's content types.
    const Encoding encoding = EncodingOf(request.content_type).value_or(Encoding::kJson);
    handler(encoding, std::move(request), responder);
  };
  AddRoute(std::move(path), std::move(route));
}

void Router::AddRoute(std::string path, Route route) {
  if (!IsPlainPath(path)) wrong_.push_back(fmt::format("'{}' is not a path", path));
  if (!route.access.valid())
    wrong_.push_back(fmt::format("{} has an access without a check", path));
  if (route.handler == nullptr) wrong_.push_back(fmt::format("{} has no handler", path));
  const auto [place, fresh] = routes_.emplace(std::move(path), std::move(route));
  if (!fresh) wrong_.push_back(fmt::format("{} was added twice", place->first));
}

Status Router::Validate() const {
  if (wrong_.empty()) return Ok();
  return Error(Code::kInternal, fmt::format("the routes are wrong: {}", fmt::join(wrong_, "; ")));
}

const Route* Router::Find(std::string_view path) const {
  const auto found = routes_.find(path);
  return found == routes_.end() ? nullptr : &found->second;
}

std::vector<std::string> Router::Paths() const {
  std::vector<std::string> paths;
  paths.reserve(routes_.size());
  for (const auto& [path, route] : routes_) paths.push_back(path);
  return paths;
}

}  // namespace twinseal::connect
