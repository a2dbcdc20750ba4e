#include "common/connect/connection.h"

#include <array>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <fmt/format.h>

#include "common/connect/exchange.h"
#include "common/connect/gatekeeper.h"
#include "common/crypto/openssl_error.h"
#include "common/crypto/openssl_ptr.h"
#include "common/crypto/tls.h"
#include "common/crypto/x509.h"

namespace twinseal::connect {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Parser = http::request_parser<http::vector_body<std::uint8_t>>;

constexpr int kBadRequest = 400;
constexpr int kRequestTimeout = 408;
constexpr int kHeaderTooLarge = 431;

// How long a client that was refused may go on sending before it is cut off. Closing at once would
// make its system throw the answer away unread (RFC 9112 §9.6).
constexpr std::chrono::milliseconds kLinger{2'000};
// And how much: what is on its way in a fast network, and not a body of a hundred megabytes.
constexpr std::size_t kMaxLingerBytes = std::size_t{8} << 20U;
// A refused body up to this size is read and dropped, so that the connection can go on; a new one
// costs more.
constexpr std::uint64_t kMaxDroppedBody = std::uint64_t{64} << 10U;
// A TLS record has 16 KiB at most (RFC 8446 §5.1).
constexpr std::size_t kReadBytes = std::size_t{16} << 10U;
// Handlers answer at the deadline themselves, once that is on record; this is for those that do
// not.
constexpr std::chrono::milliseconds kHandlersGrace{500};
// The first byte of a TLS record that begins a handshake (RFC 8446 §5.1).
constexpr std::uint8_t kTlsHandshake = 22;

constexpr std::string_view kPlainHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 51\r\nConnection: "
    "close\r\n\r\n"
    "This port speaks HTTPS; call it with https:// URLs\n";

std::string_view Reason(int status) {
  const auto text = http::obsolete_reason(static_cast<http::status>(status));
  return {text.data(), text.size()};
}

enum class Phase {
  kOpening,    // Until the handshake is done.
  kIdle,       // Between requests.
  kReceiving,  // Part of a request is here.
  kAnswering,  // A handler has it.
  kSending,
  kClosing,
};

class Connection : public Driven, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerState> state, std::shared_ptr<Worker> worker, Socket socket,
             std::shared_ptr<const crypto::ServerTls> tls, crypto::SslPtr ssl,
             std::function<void()> ended)
      : state_(std::move(state)),
        worker_(std::move(worker)),
        tls_(std::move(tls)),
        stream_(std::move(socket), ssl.release()),
        ended_(std::move(ended)) {}

  void Start() {
    worker_->Add(this);
    // The handler's share keeps this alive for as long as Run() runs.
    asio::co_spawn(worker_->executor(), Run(),
                   [self = shared_from_this()](const std::exception_ptr&) {
                     // Nothing in here throws but for lack of memory, and then this connection is
                     // all that ends.
                     self->worker_->Remove(self.get());
                     self->Abort();
                     self->ended_();
                   });
  }

  void CheckTime(Clock::time_point now) override {
    if (now < expires_) return;
    if (phase_ == Phase::kAnswering) {
      exchange_->Answer(
          ErrorResponse(Error(Code::kDeadlineExceeded, "the answer did not come in time")));
    } else if (phase_ == Phase::kReceiving && body_begun_) {
      TimeOutBody();
    } else {
      Abort();
    }
  }

  void EndIfIdle() override {
    if (phase_ == Phase::kOpening || phase_ == Phase::kIdle) Abort();
  }

  void Abort() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
    if (exchange_ != nullptr) {
      exchange_->Answer(ErrorResponse(Error(Code::kUnavailable, "the appliance is stopping")));
    }
  }

 private:
  Socket& socket() { return stream_.next_layer(); }
  const ServerLimits& limits() const { return state_->options.limits; }

  void Enter(Phase phase, std::chrono::milliseconds time) {
    phase_ = phase;
    expires_ = Clock::now() + time;
  }

  // The body is too slow: reading it is broken off, and the answer says why.
  void TimeOutBody() {
    timed_out_ = true;
    expires_ = Clock::time_point::max();
    error_code ignored;
    socket().cancel(ignored);
  }

  Awaitable<void> Run() {
    Enter(Phase::kOpening, limits().handshake_timeout);
    // Not `while (co_await ...)`: GCC 12 lays out the coroutine's frame wrongly for it, and the
    // first access to a member ends the process.
    bool open = co_await Handshake();
    if (!open) co_return;
    while (open) {
      open = co_await ServeOne();
    }
    co_await Close();
  }

  Awaitable<bool> Handshake() {
    error_code error;
    std::array<std::uint8_t, 1> first{};
    co_await socket().async_receive(asio::buffer(first), Socket::message_peek,
                                    asio::redirect_error(kUseAwaitable, error));
    if (error) co_return false;
    if (first[0] != kTlsHandshake) {
      state_->connections_refused.fetch_add(1, std::memory_order_relaxed);
      // A method's name begins with a capital letter.
      if (first[0] >= 'A' && first[0] <= 'Z') {
        co_await asio::async_write(socket(), asio::buffer(kPlainHttpAnswer),
                                   asio::redirect_error(kUseAwaitable, error));
        co_await Linger();
      }
      co_return false;
    }
    co_await stream_.async_handshake(asio::ssl::stream_base::server,
                                     asio::redirect_error(kUseAwaitable, error));
    if (error) {
      state_->handshakes_failed.fetch_add(1, std::memory_order_relaxed);
      // So that the alert, which says why, reaches a client that has gone on sending.
      co_await Linger();
      co_return false;
    }
    ReadPeer();
    co_return true;
  }

  void ReadPeer() {
    error_code ignored;
    const auto endpoint = socket().remote_endpoint(ignored);
    remote_address_ = endpoint.address().is_v6()
                          ? fmt::format("[{}]:{}", endpoint.address().to_string(), endpoint.port())
                          : fmt::format("{}:{}", endpoint.address().to_string(), endpoint.port());
    SSL* const ssl = stream_.native_handle();
    const crypto::X509Ptr certificate(SSL_get1_peer_certificate(ssl));
    if (certificate == nullptr || SSL_get_verify_result(ssl) != X509_V_OK) return;
    Result<crypto::Certificate> read = crypto::Certificate::FromNative(certificate.get());
    if (read.ok()) peer_ = std::make_shared<const crypto::Certificate>(*std::move(read));
  }

  // Reads what there is; false at the end of the connection.
  Awaitable<bool> ReadSome() {
    error_code error;
    const std::size_t size = co_await stream_.async_read_some(
        buffer_.prepare(kReadBytes), asio::redirect_error(kUseAwaitable, error));
    if (error) co_return false;
    buffer_.commit(size);
    co_return true;
  }

  // Feeds the parser until `done()`; an error of the parser's, or http::error::end_of_stream when
  // the client is gone.
  template <typename Done>
  Awaitable<error_code> Parse(Parser& parser, Done done) {
    error_code error;
    while (!done()) {
      if (buffer_.size() == 0 || error == http::error::need_more) {
        if (!co_await ReadSome()) co_return http::error::end_of_stream;
      }
      const std::size_t used = parser.put(buffer_.data(), error);
      buffer_.consume(used);
      if (error && error != http::error::need_more) co_return error;
    }
    co_return error_code();
  }

  // One request and its answer; false when the connection is to be closed.
  Awaitable<bool> ServeOne() {
    if (state_->stopping.load(std::memory_order_relaxed)) co_return false;
    body_begun_ = false;
    if (buffer_.size() == 0) {
      Enter(Phase::kIdle, limits().idle_timeout);
      if (!co_await ReadSome()) co_return false;
    }
    Enter(Phase::kReceiving, limits().header_timeout);
    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(limits().max_header_bytes));
    // The body's limit is the route's, which the header tells.
    parser.body_limit(boost::none);
    const error_code error = co_await Parse(parser, [&parser] { return parser.is_header_done(); });
    if (error) co_return co_await AnswerBadHeader(error);
    co_return co_await ServeParsed(parser);
  }

  Awaitable<bool> AnswerBadHeader(error_code error) {
    if (error == http::error::end_of_stream) co_return false;
    const bool too_large = error == http::error::header_limit;
    Response response =
        ErrorResponse(Error(Code::kInvalidArgument,
                            too_large ? fmt::format("the request's header has more than {} bytes",
                                                    limits().max_header_bytes)
                                      : fmt::format("this is not HTTP: {}", error.message())));
    response.status = too_large ? kHeaderTooLarge : kBadRequest;
    linger_ = true;
    co_await Send(response, "unknown", Clock::now(), true, {});
    co_return false;
  }

  Awaitable<bool> ServeParsed(Parser& parser) {
    const Clock::time_point begin = Clock::now();
    std::optional<std::uint64_t> size;
    if (parser.content_length()) size = *parser.content_length();
    if (!size && !parser.chunked()) size = 0;
    Decision decision = Decide(parser.get().base(), size, state_->router, limits(), peer_.get());
    const std::string path = decision.route == nullptr ? "unknown" : decision.path;
    deadline_ = begin + decision.timeout;
    if (decision.refused) {
      const bool drop = size && *size <= kMaxDroppedBody && !ExpectsContinue(parser);
      const bool readable = drop && !co_await ReadBody(parser, kMaxDroppedBody);
      const bool go_on = readable && parser.keep_alive();
      linger_ = linger_ || !readable;
      co_return co_await AnswerRefusal(std::move(decision), path, begin, go_on);
    }
    if (ExpectsContinue(parser) && !co_await SendContinue()) co_return false;
    if (const error_code error = co_await ReadBody(parser, decision.route->max_body_bytes)) {
      co_return co_await AnswerBadBody(error, std::move(decision), path, begin);
    }
    const bool keep_alive = parser.keep_alive();
    const Response response = co_await Handle(decision, std::move(parser.get().body()));
    co_return co_await Send(response, path, begin, !keep_alive, {}) && keep_alive;
  }

  static bool ExpectsContinue(const Parser& parser) {
    return boost::beast::iequals(parser.get()[http::field::expect], "100-continue");
  }

  Awaitable<bool> SendContinue() {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    error_code error;
    co_await asio::async_write(stream_, asio::buffer(kContinue),
                               asio::redirect_error(kUseAwaitable, error));
    co_return !error;
  }

  Awaitable<error_code> ReadBody(Parser& parser, std::uint64_t limit) {
    if (parser.is_done()) co_return error_code();
    Enter(Phase::kReceiving, limits().body_timeout);
    body_begun_ = true;
    parser.body_limit(limit);
    parser.eager(true);
    const error_code error = co_await Parse(parser, [&parser] { return parser.is_done(); });
    body_begun_ = false;
    co_return error;
  }

  Awaitable<bool> AnswerBadBody(error_code error, Decision decision, const std::string& path,
                                Clock::time_point begin) {
    linger_ = true;
    if (error == http::error::body_limit) {
      decision.refused =
          Refused{Error(Code::kInvalidArgument,
                        fmt::format("the body has more than {} bytes, which is all that is "
                                    "taken here",
                                    decision.route->max_body_bytes)),
                  kContentTooLarge,
                  {},
                  true};
    } else if (timed_out_) {
      decision.refused = Refused{
          Error(Code::kDeadlineExceeded,
                fmt::format("the body did not come within {} ms", limits().body_timeout.count())),
          kRequestTimeout,
          {},
          true};
    } else if (error == http::error::end_of_stream) {
      co_return false;  // The client is gone; there is nobody to answer.
    } else {
      decision.refused = Refused{
          Error(Code::kInvalidArgument, fmt::format("this is not HTTP: {}", error.message())),
          kBadRequest,
          {},
          true};
    }
    co_return co_await AnswerRefusal(std::move(decision), path, begin, false);
  }

  Awaitable<bool> AnswerRefusal(Decision decision, const std::string& path, Clock::time_point begin,
                                bool go_on) {
    const Refused& refused = *decision.refused;
    Response response = ErrorResponse(refused.error);
    if (refused.admitted && decision.route != nullptr && decision.route->refusal != nullptr) {
      response = co_await Exchanged([&](const Responder& responder) {
        decision.route->refusal(Context(decision), refused.error, responder);
      });
    }
    if (response.code) response.status = refused.http_status;
    co_return co_await Send(response, path, begin, !go_on, refused.extra_header) && go_on;
  }

  CallContext Context(const Decision& decision) const {
    return {decision.path, peer_, deadline_, remote_address_};
  }

  Awaitable<Response> Handle(const Decision& decision, Bytes body) {
    if (state_->requests_in_flight.load(std::memory_order_relaxed) >=
        limits().max_requests_in_flight) {
      co_return ErrorResponse(
          Error(Code::kResourceExhausted,
                "the appliance has as many requests as it takes; try again in a moment"));
    }
    Request request{Context(decision), decision.content_type, decision.query, std::move(body)};
    co_return co_await Exchanged([&](const Responder& responder) {
      decision.route->handler(std::move(request), responder);
    });
  }

  // Calls a handler and waits for its answer.
  template <typename Call>
  Awaitable<Response> Exchanged(Call call) {
    phase_ = Phase::kAnswering;
    expires_ = deadline_ + kHandlersGrace;
    exchange_ = std::make_shared<Exchange>(worker_);
    state_->requests_in_flight.fetch_add(1, std::memory_order_relaxed);
    {
      // Held until the handler has returned, or its share's end would answer before the catch does.
      const Responder responder = exchange_->MakeResponder();
      try {
        call(responder);
      } catch (const std::exception& e) {
        exchange_->Answer(ErrorResponse(
            Error(Code::kInternal, "the appliance failed to handle the request", e.what())));
      }
    }
    Response response = co_await exchange_->Wait();
    state_->requests_in_flight.fetch_sub(1, std::memory_order_relaxed);
    exchange_.reset();
    co_return response;
  }

  // In one piece, as each write is a TLS record and a system call.
  Awaitable<bool> Send(const Response& response, std::string_view path, Clock::time_point begin,
                       bool close, std::string_view extra_header) {
    close = close || state_->stopping.load(std::memory_order_relaxed);
    if (state_->options.observer) {
      state_->options.observer({path, response.status, response.code, Clock::now() - begin});
    }
    out_.clear();
    fmt::format_to(std::back_inserter(out_),
                   "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}\r\nContent-Length: "
                   "{}\r\nCache-Control: no-store\r\n"
                   "{}{}\r\n",
                   response.status, Reason(response.status), worker_->Date(), response.content_type,
                   response.body.size(), extra_header, close ? "Connection: close\r\n" : "");
    out_ += response.body;
    Enter(Phase::kSending, limits().write_timeout);
    state_->requests_answered.fetch_add(1, std::memory_order_relaxed);
    error_code error;
    co_await asio::async_write(stream_, asio::buffer(out_),
                               asio::redirect_error(kUseAwaitable, error));
    co_return !error && !close;
  }

  Awaitable<void> Close() {
    Enter(Phase::kClosing, kLinger);
    error_code ignored;
    // With nothing more to be read, the shutdown sends its close_notify and does not wait for the
    // client's.
    if (!linger_) socket().shutdown(Socket::shutdown_receive, ignored);
    co_await stream_.async_shutdown(asio::redirect_error(kUseAwaitable, ignored));
    if (linger_ || buffer_.size() != 0) co_await Linger();
    socket().close(ignored);
  }

  // Says that nothing more comes, and drops what the client still sends, until it has seen that too
  // or kLinger is over.
  Awaitable<void> Linger() {
    Enter(Phase::kClosing, kLinger);
    error_code error;
    socket().shutdown(Socket::shutdown_send, error);
    std::array<std::uint8_t, kReadBytes> dropped{};
    std::size_t total = 0;
    while (!error && total < kMaxLingerBytes) {
      total += co_await socket().async_receive(asio::buffer(dropped),
                                               asio::redirect_error(kUseAwaitable, error));
    }
  }

  const std::shared_ptr<ServerState> state_;
  const std::shared_ptr<Worker> worker_;
  const std::shared_ptr<const crypto::ServerTls> tls_;  // Outlives the stream.
  asio::ssl::stream<Socket> stream_;
  const std::function<void()> ended_;

  Phase phase_ = Phase::kOpening;
  Clock::time_point expires_;
  Clock::time_point deadline_;
  bool body_begun_ = false;
  bool timed_out_ = false;
  bool linger_ = false;
  Peer peer_;
  std::string remote_address_;
  std::shared_ptr<Exchange> exchange_;
  boost::beast::flat_buffer buffer_;
  std::string out_;
};

}  // namespace

void StartConnection(std::shared_ptr<ServerState> state, std::shared_ptr<Worker> worker,
                     Socket socket, std::function<void()> ended) {
  error_code ignored;
  socket.set_option(Tcp::no_delay(true), ignored);
  std::shared_ptr<const crypto::ServerTls> tls = state->options.tls();
  crypto::SslPtr ssl(tls == nullptr ? nullptr : SSL_new(tls->native()));
  if (ssl == nullptr) {
    // No certificate yet, or no memory: closed without a word.
    static_cast<void>(crypto::TakeOpensslErrors());
    state->connections_refused.fetch_add(1, std::memory_order_relaxed);
    return ended();
  }
  std::make_shared<Connection>(std::move(state), std::move(worker), std::move(socket),
                               std::move(tls), std::move(ssl), std::move(ended))
      ->Start();
}

}  // namespace twinseal::connect
