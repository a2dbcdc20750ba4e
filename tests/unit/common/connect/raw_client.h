// A client that sends any bytes over TCP or TLS, so that a server can be shown what no HTTP library
// sends.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/unique_fd.h"
#include "common/crypto/openssl_ptr.h"
#include "tests/support/certificates.h"

namespace twinseal::connect {

using test::Identity;
using test::TestCa;

struct RawAnswer {
  int status = 0;                              // 0: the connection ended before an answer.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
};

// Blocks; one thread at a time. Everything gives up after 20 s.
class RawClient {
 public:
  // Connects by TCP.
  explicit RawClient(std::uint16_t port);

  // The TLS 1.3 handshake as the client sees it; with TLS 1.3 a server refuses a certificate only
  // later. With `version`, no newer one is offered.
  bool Handshake(const Identity* identity, int version = TLS1_3_VERSION);

  // Sends as much as the server takes; false when it takes no more.
  bool Send(std::string_view bytes);
  RawAnswer ReadAnswer();
  // Whether the server has ended the connection: reads until it has, false for any byte before.
  bool AtEnd();
  // The newest TLS alert's words, or nothing.
  std::string LastError() const { return error_; }

 private:
  bool ReadMore();

  UniqueFd fd_;
  crypto::SslContextPtr context_;
  crypto::SslPtr ssl_;
  std::string buffer_;
  std::string error_;
};

// "POST path HTTP/1.1" with these headers (whole lines) and this body, its length included.
std::string PostText(std::string_view path, std::string_view headers, std::string_view body);
std::string JsonPost(std::string_view path, std::string_view body);
std::string GetText(std::string_view path);

}  // namespace twinseal::connect
