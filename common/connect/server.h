// An HTTPS server for Connect calls and plain GETs: TLS 1.3, client certificates, HTTP/1.1 with
// keep-alive.
//
// Reactor threads read and write; they never block. Handlers are called on a reactor thread and
// must not block either: they hand the Responder on, and it may be used from any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/connect/codec.h"
#include "common/crypto/tls.h"
#include "common/crypto/x509.h"

namespace twinseal::connect {

using Deadline = std::chrono::steady_clock::time_point;

// The other end of a connection. One object for all requests of the connection; immutable.
struct Peer {
  std::string address;  // "127.0.0.1:53412"
  std::optional<crypto::CertificateFacts>
      certificate;  // Verified at the handshake; none was shown when empty.
};

struct Request {
  std::shared_ptr<const Peer> peer;
  std::string path;  // Without the query.
  Encoding encoding = Encoding::kProto;
  std::string body;
  Deadline deadline;
};

struct Response {
  int status = 200;
  std::string content_type;
  std::string body;
};

Response ErrorResponse(const Error& error);

// Answers one request, once, from any thread. Dropped unused, it answers `internal`. Move-only.
class Responder {
 public:
  using Send = std::function<void(Response)>;

  explicit Responder(Send send) : send_(std::move(send)) {}
  ~Responder();
  Responder(Responder&& other) noexcept : send_(std::exchange(other.send_, nullptr)) {}
  Responder& operator=(Responder&&) = delete;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  void operator()(Response response);

 private:
  Send send_;
};

// Whether this peer may call the route, asked after the headers and before the body. There is no
// default: a route that anybody may call says so by AnyPeer.
using Admission = std::function<Status(const Peer&)>;
Status AnyPeer(const Peer& peer);

using Handler = std::function<void(Request, Responder)>;
// For a request that was refused before its body was read (not admitted, too large, wrong content
// type): the place to record it. The request has no body.
using Refusal = std::function<void(Request, const Error&, Responder)>;

class Routes {
 public:
  static constexpr std::size_t kDefaultMaxBody = std::size_t{1} << 20;

  // A plain GET.
  void Get(std::string path, Admission admit, Handler handler);

  // A Connect procedure: "/twinseal.v1.KeyService/GetKey". `handle` is given the request or why it
  // cannot be read.
  template <typename In, typename Out>
  void Procedure(std::string path, Admission admit,
                 std::function<void(Request, Result<In>, std::function<void(Result<Out>)>)> handle,
                 std::size_t max_body = kDefaultMaxBody);

  struct Route {
    std::string method;
    std::string path;
    Admission admit;
    Handler handle;
    Refusal refuse;  // May be empty: then the error is answered as it is.
    std::size_t max_body = 0;
  };
  const std::vector<Route>& all() const { return routes_; }

 private:
  void Add(Route route) { routes_.push_back(std::move(route)); }

  std::vector<Route> routes_;
};

struct ServerOptions {
  std::string host = "127.0.0.1";  // An address, not a name.
  std::uint16_t port = 0;          // 0: a free one.
  std::shared_ptr<crypto::TlsContext> tls;
  unsigned threads = 1;

  std::size_t max_connections = 4096;
  std::size_t max_header_bytes = std::size_t{16} << 10;
  std::chrono::milliseconds handshake_timeout{10'000};
  std::chrono::milliseconds header_timeout{
      10'000};  // From the first byte of a request to the end of its headers.
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds write_timeout{30'000};
  std::chrono::milliseconds idle_timeout{120'000};     // Between two requests.
  std::chrono::milliseconds default_deadline{10'000};  // When the caller names none.
  std::chrono::milliseconds max_deadline{60'000};
  std::chrono::milliseconds stop_grace{20'000};  // For what is under way when Stop is called.
};

// Thread-safe.
class Server {
 public:
  // Listens and serves. invalid_argument for a route table that has a path twice or a route without
  // an admission or a handler; failed_precondition when the address cannot be listened on.
  static Result<std::unique_ptr<Server>> Start(ServerOptions options, Routes routes);
  // Stops.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const;
  std::size_t connections() const;

  // For connections accepted from now on.
  void ReplaceTls(std::shared_ptr<crypto::TlsContext> tls);

  // Accepts nothing more, lets requests that were accepted finish, closes, and waits for all of it.
  void Stop();

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

template <typename In, typename Out>
void Routes::Procedure(
    std::string path, Admission admit,
    std::function<void(Request, Result<In>, std::function<void(Result<Out>)>)> handle,
    std::size_t max_body) {
  const auto answer = [](Encoding encoding, std::shared_ptr<Responder> responder) {
    return [encoding, responder = std::move(responder)](Result<Out> result) {
      if (!result.ok()) return (*responder)(ErrorResponse(result.error()));
      Result<std::string> body = Encode(encoding, *result);
      if (!body.ok()) return (*responder)(ErrorResponse(body.error()));
      (*responder)({200, std::string(ContentType(encoding)), std::move(*body)});
    };
  };
  Route route{"POST", std::move(path), std::move(admit), nullptr, nullptr, max_body};
  route.handle = [handle, answer](Request request, Responder responder) {
    In message;
    const Status decoded = Decode(request.encoding, request.body, message);
    auto respond = answer(request.encoding, std::make_shared<Responder>(std::move(responder)));
    if (decoded.ok()) {
      handle(std::move(request), std::move(message), std::move(respond));
    } else {
      handle(std::move(request), decoded.error(), std::move(respond));
    }
  };
  route.refuse = [handle, answer](Request request, const Error& error, Responder responder) {
    auto respond = answer(request.encoding, std::make_shared<Responder>(std::move(responder)));
    handle(std::move(request), error, std::move(respond));
  };
  Add(std::move(route));
}

}  // namespace twinseal::connect
