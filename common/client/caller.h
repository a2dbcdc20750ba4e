// Calls to the appliances of a domain: at the nearest that is healthy, and at the next when it is
// not. docs/client-library.md tells how.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/client/answer.h"
#include "common/connect/client_options.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::client {

// Keeps connections open between calls. Has no thread of its own and prints nothing. All functions
// may be called from several threads at once; each call that runs at the same time as another has
// connections of its own.
class Caller {
 public:
  // invalid_argument as CheckOptions says.
  static Result<std::unique_ptr<Caller>> Create(connect::ClientOptions options);
  // Ends what is under way, as Stop does.
  ~Caller();
  Caller(const Caller&) = delete;
  Caller& operator=(const Caller&) = delete;

  std::size_t endpoint_count() const;
  const std::string& endpoint(std::size_t index) const;

  // `path` is "/twinseal.v1.KeyService/GetKey". The server's error as it came, but `unavailable`
  // and what keeps an endpoint from being reached lead on to the next one, and to another try while
  // there is time. One that is late is not waited for alone: another gets the same request, and the
  // first answer counts. With `repeatable` off, the request is sent once: it goes on only from an
  // endpoint that cannot have received it.
  //
  // unavailable when no endpoint could be reached, with what to do in the words of each's failure;
  // deadline_exceeded when the time is over; canceled when the caller was stopped.
  Status Call(std::string_view path, const google::protobuf::Message& request,
              google::protobuf::Message& response, const connect::CallOptions& options = {});
  // The same for messages that something else encodes: both bodies are protobuf's binary form. Not
  // every program that calls may load protobuf's library.
  Result<Answer> Exchange(std::string_view path, const std::string& body,
                          const connect::CallOptions& options = {});
  // The two at one endpoint, tried once.
  Status CallAt(std::size_t endpoint, std::string_view path,
                const google::protobuf::Message& request, google::protobuf::Message& response,
                const connect::CallOptions& options = {});
  Result<Answer> ExchangeAt(std::size_t endpoint, std::string_view path, const std::string& body,
                            const connect::CallOptions& options = {});
  // A plain GET ("/metrics") at one endpoint, tried once; the body of a 200.
  Result<std::string> GetAt(std::size_t endpoint, std::string_view path,
                            const connect::CallOptions& options = {});

  // Ends the calls that are under way, and those to come, with `canceled`. Returns when none runs
  // any more.
  void Stop();

 private:
  class Impl;
  explicit Caller(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace twinseal::client
