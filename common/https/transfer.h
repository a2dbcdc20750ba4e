// HTTPS over mutual TLS 1.3, on libcurl: one exchange after another, on connections that stay open.
#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"

typedef void CURL;

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

struct Answer {
  int status;
  std::string content_type;
  std::string body;
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

struct FreeEasy {
  void operator()(CURL* easy) const;
};
using EasyPtr = std::unique_ptr<CURL, FreeEasy>;

// libcurl wants one call before any other in the process. Thread-safe; internal when it fails.
Status Start();

// After Start(). Keeps the connection to each server that it called. One thread at a time.
class Transfer {
 public:
  // The identity outlives it. An answer longer than `max_answer` bytes is a failure.
  Transfer(const Identity& identity, std::size_t max_answer);

  // `headers` are whole lines without their ends ("Content-Type: application/json").
  Outcome Post(const std::string& url, const std::vector<std::string>& headers,
               const std::string& body, Patience patience);
  Outcome Get(const std::string& url, Patience patience);

 private:
  Outcome Perform(const std::string& url, const std::vector<std::string>& headers,
                  Patience patience);
  Failure Failed(int code);
  static std::size_t Collect(char* data, std::size_t size, std::size_t count, void* transfer);

  // libcurl's words for what went wrong (CURL_ERROR_SIZE).
  std::array<char, 256> words_{};
  EasyPtr easy_;
  std::size_t max_answer_;
  std::string body_;  // Of the answer under way.
};

}  // namespace twinseal::https
