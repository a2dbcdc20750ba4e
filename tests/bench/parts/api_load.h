// Keep-alive clients of the appliance's API, as cheap as a client can be: one blocking TLS
// connection a thread, one prepared request sent over and over. What it costs is not the
// appliance's, and both cores are shared with it.
#pragma once

#include <memory>
#include <string>

#include "common/base/bytes.h"
#include "tests/bench/parts/measure.h"

namespace twinseal::bench {

struct ApiAccess {
  std::string host;
  std::string port;
  std::string ca;  // Paths of PEM files.
  std::string certificate;
  std::string key;
};

class ApiLoad {
 public:
  explicit ApiLoad(ApiAccess access);
  ~ApiLoad();
  ApiLoad(const ApiLoad&) = delete;
  ApiLoad& operator=(const ApiLoad&) = delete;

  // POSTs `body` (application/proto) to `procedure` on `clients` connections; each answer counts
  // `signatures`. Ends the program with the server's words when an answer is not 200. Connections
  // are made once and kept.
  Sample Run(unsigned clients, const std::string& procedure, const Bytes& body, unsigned signatures,
             Milliseconds duration);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace twinseal::bench
