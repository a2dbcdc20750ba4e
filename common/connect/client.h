// A client of Connect calls, over libcurl.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::connect {

struct ClientOptions {
  std::string endpoint;          // "https://127.0.0.1:8443"
  std::string ca_file;           // PEM: who signed the server's certificate.
  std::string certificate_file;  // PEM
  std::string key_file;          // PEM
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds call_timeout{30'000};
};

// One endpoint. Keeps its connection alive between calls. One thread at a time.
class Client {
 public:
  // invalid_argument for an endpoint that is no https URL; not_found for a file that cannot be
  // read.
  static Result<std::unique_ptr<Client>> Create(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // POSTs to ENDPOINT/twinseal.v1.`procedure` ("KeyService/GetKey"), tried once. The server's error
  // as it gave it; unavailable when it cannot be reached, unauthenticated when one side does not
  // trust the other's certificate, deadline_exceeded when the answer does not come in time.
  Status Call(std::string_view procedure, const google::protobuf::Message& request,
              google::protobuf::Message& response);

 private:
  struct Impl;
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace twinseal::connect
