// One request and its answer on one of libcurl's handles. For the files of this folder.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include <curl/curl.h>

#include "common/https/easy.h"
#include "common/https/transfer.h"

namespace twinseal::https {

// Used again for one request after another. One thread at a time; stays where it was made.
class Exchange {
 public:
  // The identity outlives it. An answer longer than `max_answer` bytes is a failure.
  Exchange(const Identity& identity, std::size_t max_answer);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  CURL* easy() const { return easy_.get(); }

  // Makes the handle ready for this request, whose body stays the caller's until Finish.
  CURLcode Prepare(const Request& request);
  // What came of it, when libcurl is done with the handle.
  Outcome Finish(CURLcode done);
  // How far it got, also before it is done.
  Timing Measure() const;

 private:
  static std::size_t Collect(char* data, std::size_t size, std::size_t count, void* exchange);

  // libcurl's words for what went wrong.
  std::array<char, CURL_ERROR_SIZE> words_{};
  const bool proxied_;
  EasyPtr easy_;
  const std::size_t max_answer_;
  HeaderList headers_;
  // Of the answer.
  std::string body_;
  Fields fields_;
};

}  // namespace twinseal::https
