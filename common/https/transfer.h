// HTTPS over mutual TLS 1.3, on libcurl: one exchange after another, on connections that stay open.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/https/fields.h"

namespace twinseal::https {

// Who calls, what the servers' certificates must be issued by, and which way leads to them.
struct Identity {
  std::string ca_pem;
  std::string certificate_pem;  // Empty to call without one.
  Secret key_pem;
  // "http://HOST:PORT" of an HTTP CONNECT proxy; empty for none. Never taken from the environment,
  // and not used for this host's own addresses (127.0.0.1, ::1, localhost).
  std::string proxy = {};
  // Calls whoever answers, whatever its certificate; ca_pem is then not looked at.
  bool any_server = false;
};

// How long an exchange may take from now on, and how much of it reaching the server.
struct Patience {
  std::chrono::milliseconds whole;
  std::chrono::milliseconds connect;
};

struct Request {
  std::string url;
  std::vector<std::string> headers;  // Whole lines without their ends ("Content-Type: text/plain").
  const std::string* body;           // Of a POST; null for a GET.
  Patience patience;
  // Whether it must go over a new connection. On one that was open already, and dies before the
  // first byte of an answer, libcurl sends the request a second time by itself.
  bool new_connection = false;
  bool http2 = false;  // Instead of HTTP/1.1.
};

struct Answer {
  int status;
  std::string content_type;
  std::string body;
  Fields fields = {};  // Over HTTP/2.
};

// What a transfer without an answer left behind.
struct Failure {
  int code;            // CURLcode
  long system_error;   // errno of the connection, or 0.
  long verify_result;  // X509_V_ERR_... of the server's certificate, or 0.
  bool connected;      // TLS was up, so that the server may have received the request.
  std::string words;   // libcurl's.
};
using Outcome = std::variant<Answer, Failure>;

// How long what took.
struct Timing {
  // From the first packet of a new connection until TLS was up: two round trips. Zero on a
  // connection that was open already, and when it did not get that far.
  std::chrono::microseconds connecting{};
  // Between this host's kernel and the server's, at its shortest; zero when it is not known, as
  // through a proxy.
  std::chrono::microseconds round_trip{};
  // From when the request could be sent to the end of the answer.
  std::chrono::microseconds answering{};
};

// libcurl wants one call before any other in the process. Thread-safe; internal when it fails.
Status Start();

class Exchange;

// After Start(). Keeps the connection to each server that it called. One thread at a time.
class Transfer {
 public:
  // The identity outlives it. An answer longer than `max_answer` bytes is a failure.
  Transfer(const Identity& identity, std::size_t max_answer);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Outcome Run(const Request& request);

 private:
  std::unique_ptr<Exchange> exchange_;
};

}  // namespace twinseal::https
