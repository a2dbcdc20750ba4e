#include "tests/unit/common/connect/raw_client.h"

#include <algorithm>
#include <array>
#include <csignal>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/crypto/openssl_error.h"

namespace twinseal::connect {

RawClient::RawClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  // OpenSSL writes without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  const timeval patience{20, 0};
  setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    fd_.Reset();
}

bool RawClient::Handshake(const Identity* identity, int version) {
  context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(context_.get(), version);
  if (identity != nullptr) {
    SSL_CTX_use_certificate(context_.get(), identity->certificate.native());
    SSL_CTX_use_PrivateKey(context_.get(), identity->key.native());
  }
  ssl_.reset(SSL_new(context_.get()));
  SSL_set_fd(ssl_.get(), fd_.get());
  const bool done = SSL_connect(ssl_.get()) == 1;
  if (!done) error_ = crypto::TakeOpensslErrors();
  return done;
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t sent = 0;
    if (ssl_ == nullptr) {
      const ssize_t result = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (result <= 0) return false;
      sent = static_cast<std::size_t>(result);
    } else if (SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent) != 1) {
      error_ = crypto::TakeOpensslErrors();
      return false;
    }
    bytes.remove_prefix(sent);
  }
  return true;
}

bool RawClient::ReadMore() {
  std::array<char, 16384> bytes{};
  std::size_t size = 0;
  if (ssl_ == nullptr) {
    const ssize_t result = recv(fd_.get(), bytes.data(), bytes.size(), 0);
    if (result <= 0) return false;
    size = static_cast<std::size_t>(result);
  } else if (SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &size) != 1) {
    error_ = crypto::TakeOpensslErrors();
    return false;
  }
  buffer_.append(bytes.data(), size);
  return true;
}

RawAnswer RawClient::ReadAnswer() {
  RawAnswer answer;
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!ReadMore()) return answer;
  }
  const std::string head = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  const int status = std::stoi(head.substr(head.find(' ') + 1, 3));
  std::size_t line = head.find("\r\n") + 2;
  while (line < head.size()) {
    const std::size_t line_end = head.find("\r\n", line);
    const std::size_t colon = head.find(": ", line);
    std::string name = head.substr(line, colon - line);
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    answer.headers[name] = head.substr(colon + 2, line_end - colon - 2);
    line = line_end + 2;
  }
  const std::size_t size =
      answer.headers.contains("content-length") ? std::stoul(answer.headers["content-length"]) : 0;
  while (buffer_.size() < size) {
    if (!ReadMore()) return answer;
  }
  answer.status = status;
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return answer;
}

bool RawClient::AtEnd() { return buffer_.empty() && !ReadMore(); }

std::string PostText(std::string_view path, std::string_view headers, std::string_view body) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: appliance\r\n{}Content-Length: {}\r\n\r\n{}", path,
                     headers, body.size(), body);
}

std::string JsonPost(std::string_view path, std::string_view body) {
  return PostText(path, "Content-Type: application/json\r\n", body);
}

std::string GetText(std::string_view path) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: appliance\r\n\r\n", path);
}

}  // namespace twinseal::connect
