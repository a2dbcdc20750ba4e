// What a server offers: each route says at one place who may call it, how large its bodies may be,
// and who answers.
//
//   Router router;
//   router.Add<v1::GetKeyRequest, v1::Key>(
//       "/twinseal.v1.KeyService/GetKey", Access::Certificate(),
//       [](CallContext context, Result<v1::GetKeyRequest> request, Reply<v1::Key> reply) { ... });
//   router.AddGet("/healthz", Access::Anyone(), [](Request, Responder responder) { ... });
//
// A router is filled by one thread and then given to a Server, which checks it.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/connect/codec.h"

namespace twinseal::crypto {
class Certificate;
}

namespace twinseal::connect {

// The largest body where a route does not say otherwise: a batch of 1,024 digests of 64 bytes is 70
// kB of protobuf.
inline constexpr std::size_t kDefaultMaxBodyBytes = std::size_t{1} << 20U;

// The client's certificate. TLS has verified it: it is of the client CA and in its time. Null when
// there is none.
using Peer = std::shared_ptr<const crypto::Certificate>;

// Who may call a route. Asked when the header has been read and before any of the body is, on the
// server's I/O thread: a check must not block. There is no Access that nobody chose.
class Access {
 public:
  using Check = std::function<Status(const crypto::Certificate& peer)>;

  // Anybody, with or without a certificate.
  static Access Anyone() { return Access(false, nullptr); }
  // Whoever has a certificate of the client CA; the handler decides the rest.
  static Access Certificate() { return Access(true, nullptr); }
  // As Certificate(), and the check must pass; its error is the answer. A null check makes the
  // route invalid.
  static Access If(Check check) {
    const bool valid = check != nullptr;
    return Access(true, std::move(check), valid);
  }

  // unauthenticated when a certificate is needed and there is none.
  Status Admit(const crypto::Certificate* peer) const;
  bool needs_certificate() const { return certificate_; }
  bool valid() const { return valid_; }

 private:
  Access(bool certificate, Check check, bool valid = true)
      : certificate_(certificate), check_(std::move(check)), valid_(valid) {}

  bool certificate_;
  Check check_;
  bool valid_;
};

struct CallContext {
  std::string path;
  Peer peer;
  // When the caller stops waiting: its Connect-Timeout-Ms, else the server's request_timeout. The
  // server answers deadline_exceeded then, whatever the handler does.
  std::chrono::steady_clock::time_point deadline;
  std::string remote_address;  // "192.0.2.7:41234"
};

struct Request {
  CallContext context;
  std::string content_type;
  std::string query;  // What stands behind '?', undecoded.
  Bytes body;
};

struct Response {
  int status = 200;
  std::string content_type;
  std::string body;
  // Of what failed; success where it is not set. For the server's observer.
  std::optional<Code> code;
};

// Answers one request: from any thread, at any time; also after the server has stopped, which has
// no effect. Copies answer the same request; the first answer counts. When the last copy is dropped
// without an answer, it is `internal`.
class Responder {
 public:
  // Where an answer goes. Its destructor answers where Send was not called.
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void Send(Response response) = 0;
  };

  explicit Responder(std::shared_ptr<Sink> sink) : sink_(std::move(sink)) {}

  void Send(Response response) const { sink_->Send(std::move(response)); }
  // As Connect tells errors.
  void SendError(const Error& error) const;
  void SendMessage(Encoding encoding, const google::protobuf::Message& message) const;

 private:
  std::shared_ptr<Sink> sink_;
};

Response ErrorResponse(const Error& error);

// Runs on the server's I/O thread and must not block: what blocks is handed to threads of the
// handler's own.
using Handler = std::function<void(Request, Responder)>;

// The answer to a typed call: a message or an error, encoded as the request was. As Responder.
template <typename Answer>
class Reply {
 public:
  Reply(Encoding encoding, Responder responder)
      : encoding_(encoding), responder_(std::move(responder)) {}

  void operator()(const Result<Answer>& result) const {
    if (!result.ok()) return responder_.SendError(result.error());
    responder_.SendMessage(encoding_, *result);
  }

 private:
  Encoding encoding_;
  Responder responder_;
};

struct RouteOptions {
  std::size_t max_body_bytes = kDefaultMaxBodyBytes;
};

// Called when the caller is admitted but the body is refused before it is read: too large, of the
// wrong content type, compressed. Whatever it answers with an error has the HTTP status of the
// refusal.
using Refusal = std::function<void(CallContext, const Error&, Responder)>;

struct Route {
  std::string method;  // "POST" or "GET".
  Access access;
  std::vector<std::string> content_types;  // That a POST may have.
  std::size_t max_body_bytes;
  Handler handler;
  Refusal refusal;  // May be null: then the server answers the error.
};

class Router {
 public:
  // A Connect procedure. `path` is "/package.Service/Method". `handler` is called once for every
  // caller that is admitted, with (CallContext, Result<Query>, Reply<Answer>); the query is an
  // error when the body was refused or cannot be read, which is then to be answered.
  template <typename Query, typename Answer, typename TypedHandler>
  // NOLINTNEXTLINE(performance-unnecessary-value-param): moved on below, which a template hides
  void Add(std::string path, Access access, TypedHandler handler, RouteOptions options = {}) {
    auto shared = std::make_shared<const TypedHandler>(std::move(handler));
    AddConnect(
        std::move(path), std::move(access), options,
        [shared](Encoding encoding, Request request, const Responder& responder) {
          Query query;
          const Status status = Decode(encoding, request.body, query);
          (*shared)(std::move(request.context),
                    status.ok() ? Result<Query>(std::move(query)) : Result<Query>(status.error()),
                    Reply<Answer>(encoding, responder));
        },
        [shared](CallContext context, const Error& error, const Responder& responder) {
          (*shared)(std::move(context), Result<Query>(error),
                    Reply<Answer>(Encoding::kJson, responder));
        });
  }

  void AddGet(std::string path, Access access, Handler handler);
  // A plain POST whose body must be of one of the content types (OCSP, RFC 3161).
  void AddPost(std::string path, Access access, std::vector<std::string> content_types,
               Handler handler, RouteOptions options = {});

  // internal, naming the route, when one was added twice, has an odd path, no handler, or no valid
  // Access.
  Status Validate() const;

  // Null when there is no such path. `path` without query.
  const Route* Find(std::string_view path) const;
  std::vector<std::string> Paths() const;

 private:
  using EncodedHandler = std::function<void(Encoding, Request, const Responder&)>;

  void AddConnect(std::string path, Access access, RouteOptions options, EncodedHandler handler,
                  Refusal refusal);
  void AddRoute(std::string path, Route route);

  std::map<std::string, Route, std::less<>> routes_;
  std::vector<std::string> wrong_;  // What Validate says.
};

}  // namespace twinseal::connect
