// An answer that does not end: read piece by piece, until it is stopped.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/https/transfer.h"

namespace twinseal::https {

// One exchange whose answer comes over time. One thread runs it; any may stop it.
class Stream {
 public:
  // After Start(). The identity outlives it.
  explicit Stream(const Identity& identity);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Posts `body` over HTTP/2, gives each piece of the answer to `on_data` as it comes, whatever its
  // status, and returns when the server ends the answer, the connection fails, `on_data` returns
  // false or Stop was called: the answer without its body, or what went wrong; nothing when it was
  // ended from here. Once.
  std::optional<Outcome> Run(const std::string& url, const std::vector<std::string>& headers,
                             const std::string& body, std::chrono::milliseconds connect,
                             const std::function<bool(std::string_view)>& on_data);

  // Ends Run now or as soon as it begins.
  void Stop();

 private:
  struct Handles;
  const bool proxied_;
  std::unique_ptr<Handles> handles_;
  std::atomic<bool> stopped_{false};
};

}  // namespace twinseal::https
