// What callers of appliances say about themselves and about a call.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::connect {

struct ClientOptions {
  std::vector<std::string> endpoints;  // "https://host:port"; of several near ones, the first.
  std::string ca_pem;                  // What the appliances' certificates must be issued by.
  std::string certificate_pem;         // The caller's; empty to call without one.
  Secret key_pem;
  std::chrono::milliseconds connect_timeout{5'000};
  // "http://HOST:PORT" of an HTTP CONNECT proxy through which other hosts are called; empty for
  // none.
  std::string proxy = {};
  // Does not look at the server's certificate, nor at ca_pem. For the pairing ceremony alone, where
  // no common CA exists yet: there each message is signed by an identity key that operators
  // compare.
  bool any_server = false;
};

struct CallOptions {
  // For the whole call, whatever is tried in it; each server is told how much of it is left.
  std::chrono::milliseconds timeout{30'000};
  // Whether sending it twice does no harm, so that another endpoint may be tried when an answer got
  // lost or is late. What changes something carries a request id, so it may be repeated as well.
  bool repeatable = true;
  // For how long it is tried again when no endpoint takes it: one that restarts is back in a second
  // or two. At most until the timeout.
  std::chrono::milliseconds persist = std::chrono::milliseconds::max();
};

// Takes slashes off the ends of the endpoints. invalid_argument, naming what is wrong, when there
// is no endpoint or one is not an https URL, when the proxy is none, or when a certificate or key
// cannot be read or the two do not belong together.
Status CheckOptions(ClientOptions& options);

}  // namespace twinseal::connect
