// libcurl's handles. For the files of this folder.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <curl/curl.h>

#include "common/https/transfer.h"

namespace twinseal::https {

struct FreeHeaders {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeHeaders>;

// Null for no headers, and when memory is gone.
HeaderList MakeHeaders(const std::vector<std::string>& headers);

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
using EasyPtr = std::unique_ptr<CURL, FreeEasy>;

// A handle for HTTPS under this identity; null when libcurl cannot be set up. `words` has
// CURL_ERROR_SIZE bytes and outlives it.
EasyPtr MakeEasy(const Identity& identity, char* words);

// HTTP/2, whose fields are added to `fields`, which stays the caller's; HTTP/1.1 when that is null.
void SetHttp2(CURL* easy, Fields* fields);

// Makes it a POST of these bytes, which stay the caller's.
void SetBody(CURL* easy, const std::string& body);

// The failure that `code` tells of, after a transfer; `proxied` when a proxy may have been asked
// first.
Failure FailureOf(CURL* easy, CURLcode code, const char* words, bool proxied);

inline long CurlMilliseconds(std::chrono::milliseconds time) {
  return static_cast<long>(std::clamp<std::int64_t>(time.count(), 1, INT32_MAX));
}

}  // namespace twinseal::https
