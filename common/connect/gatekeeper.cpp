#include "common/connect/gatekeeper.h"

#include <algorithm>

#include <boost/beast/core/string.hpp>
#include <fmt/format.h>

#include "common/connect/errors.h"
#include "common/connect/headers.h"
#include "common/connect/json_check.h"
#include "common/crypto/x509.h"

namespace twinseal::connect {
namespace {

constexpr int kMethodNotAllowed = 405;
constexpr int kUnsupportedMediaType = 415;
constexpr int kNotFound = 404;

std::string_view Text(boost::beast::string_view text) { return {text.data(), text.size()}; }

std::string_view Field(const RequestHeader& header, boost::beast::string_view name) {
  const auto found = header.find(name);
  return found == header.end() ? std::string_view() : Text(found->value());
}

Refused Refuse(Error error, std::string extra_header = {}) {
  const int status = HttpStatus(error.code());
  return {std::move(error), status, std::move(extra_header)};
}

// The media type, in lower case and without parameters.
std::string MediaType(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (type.ends_with(' ') || type.ends_with('\t')) type.pop_back();
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return type;
}

std::optional<Refused> CheckCaller(const Route* route, const crypto::Certificate* peer) {
  // An unknown path needs a certificate too, so that nobody without one learns which paths there
  // are.
  const Access access = route == nullptr ? Access::Certificate() : route->access;
  const auto now =
      std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
  if (Status admitted = access.Admit(peer); !admitted.ok()) return Refuse(admitted.error());
  // TLS has checked it at the handshake, but connections may stay open for long.
  if (access.needs_certificate() && peer != nullptr && peer->not_after() < now) {
    return Refuse(Error(
        Code::kUnauthenticated,
        "the client certificate has expired; ask an operator for a new one and connect again"));
  }
  return std::nullopt;
}

// 415 and the two ways of being too large are of the callers that may call.
std::optional<Refused> CheckBody(const RequestHeader& header,
                                 std::optional<std::uint64_t> body_size, const Route& route,
                                 Decision& decision) {
  decision.content_type = MediaType(Field(header, "Content-Type"));
  if (route.method == "POST" &&
      std::ranges::find(route.content_types, decision.content_type) == route.content_types.end()) {
    const std::string accepted = fmt::format("{}", fmt::join(route.content_types, ", "));
    return Refused{Error(Code::kInvalidArgument,
                         fmt::format("the content type '{}' is not taken here; send {}",
                                     Quoted(decision.content_type), accepted)),
                   kUnsupportedMediaType, fmt::format("Accept-Post: {}\r\n", accepted), true};
  }
  const std::string_view compression = Field(header, "Content-Encoding");
  if (!compression.empty() && compression != "identity") {
    Refused refused =
        Refuse(Error(Code::kUnimplemented, "compressed bodies are not taken; send it as it is"));
    refused.extra_header = "Accept-Encoding: identity\r\n";
    refused.admitted = true;
    return refused;
  }
  if (body_size > route.max_body_bytes) {
    return Refused{Error(Code::kInvalidArgument,
                         fmt::format("the body has {} bytes; at most {} are taken here", *body_size,
                                     route.max_body_bytes)),
                   kContentTooLarge,
                   {},
                   true};
  }
  return std::nullopt;
}

std::optional<Refused> CheckProtocol(const RequestHeader& header, const ServerLimits& limits,
                                     Decision& decision) {
  decision.timeout = limits.request_timeout;
  const auto refuse = [](Error error) {
    Refused refused = Refuse(std::move(error));
    refused.admitted = true;
    return refused;
  };
  const std::string_view version = Field(header, "Connect-Protocol-Version");
  if (!version.empty() && version != "1") {
    return refuse(Error(
        Code::kInvalidArgument,
        fmt::format("Connect-Protocol-Version: '{}' is not known; it is 1", Quoted(version))));
  }
  const auto timeout = header.find("Connect-Timeout-Ms");
  if (timeout != header.end()) {
    const Result<std::chrono::milliseconds> parsed = ParseTimeout(Text(timeout->value()));
    if (!parsed.ok()) return refuse(parsed.error());
    decision.timeout = std::min(*parsed, limits.request_timeout);
  }
  return std::nullopt;
}

std::optional<Refused> Check(const RequestHeader& header, std::optional<std::uint64_t> body_size,
                             const ServerLimits& limits, const crypto::Certificate* peer,
                             Decision& decision) {
  if (auto refused = CheckCaller(decision.route, peer)) return refused;
  if (decision.route == nullptr) {
    return Refused{
        Error(Code::kUnimplemented,
              fmt::format(
                  "there is nothing at '{}'; is the appliance of the same release as the client?",
                  Quoted(decision.path))),
        kNotFound,
        {}};
  }
  const Route& route = *decision.route;
  if (Text(header.method_string()) != route.method) {
    return Refused{Error(Code::kUnimplemented,
                         fmt::format("{} is called with {}", decision.path, route.method)),
                   kMethodNotAllowed, fmt::format("Allow: {}\r\n", route.method)};
  }
  if (auto refused = CheckProtocol(header, limits, decision)) return refused;
  return CheckBody(header, body_size, route, decision);
}

}  // namespace

Decision Decide(const RequestHeader& header, std::optional<std::uint64_t> body_size,
                const Router& router, const ServerLimits& limits, const crypto::Certificate* peer) {
  Decision decision;
  const std::string_view target = Text(header.target());
  const std::size_t mark = target.find('?');
  decision.path = target.substr(0, mark);
  if (mark != std::string_view::npos) decision.query = target.substr(mark + 1);
  decision.route = router.Find(decision.path);
  decision.refused = Check(header, body_size, limits, peer, decision);
  return decision;
}

}  // namespace twinseal::connect
