// What is decided about a request between its header and its body. No I/O. For the server's files.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include "common/base/result.h"
#include "common/connect/router.h"
#include "common/connect/server.h"

namespace twinseal::connect {

using RequestHeader = boost::beast::http::header<true, boost::beast::http::fields>;

inline constexpr int kContentTooLarge = 413;

// Why a body is not read.
struct Refused {
  Error error;
  int http_status;
  std::string extra_header;  // Whole lines.
  bool admitted =
      false;  // The caller may call the route, so that its handler hears of the refusal.
};

struct Decision {
  const Route* route = nullptr;  // Null when there is none.
  std::string path;
  std::string query;
  std::string content_type;
  std::chrono::milliseconds timeout{};
  std::optional<Refused> refused;
};

// `body_size` is what Content-Length says; nothing for a chunked body.
Decision Decide(const RequestHeader& header, std::optional<std::uint64_t> body_size,
                const Router& router, const ServerLimits& limits, const crypto::Certificate* peer);

}  // namespace twinseal::connect
