// Calls to appliances: the Connect protocol over libcurl and mutual TLS 1.3.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/connect/client_options.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::connect {

// Keeps connections open between calls. All functions may be called from several threads at once;
// each call that runs at the same time as another has a connection of its own.
class Client {
 public:
  // invalid_argument, naming what is wrong, when there is no endpoint or one is not an https URL,
  // or when a certificate or key cannot be read or the two do not belong together.
  static Result<std::unique_ptr<Client>> Create(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::size_t endpoint_count() const;
  const std::string& endpoint(std::size_t index) const;

  // `path` is "/twinseal.v1.KeyService/GetKey". The server's error as it came. unavailable when no
  // endpoint could be reached, with what to do in the words of each's failure; deadline_exceeded
  // when the time is over. An endpoint that cannot be reached is passed over for the next one; the
  // first that answered is tried first the next time.
  Status Call(std::string_view path, const google::protobuf::Message& request,
              google::protobuf::Message& response, const CallOptions& options = {});
  // The same at one endpoint, tried once.
  Status CallAt(std::size_t endpoint, std::string_view path,
                const google::protobuf::Message& request, google::protobuf::Message& response,
                const CallOptions& options = {});
  // A plain GET ("/metrics") at one endpoint; the body of a 200.
  Result<std::string> GetAt(std::size_t endpoint, std::string_view path,
                            const CallOptions& options = {});

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace twinseal::connect
