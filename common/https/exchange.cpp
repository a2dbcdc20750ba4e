#include "common/https/exchange.h"

#include <utility>

#include "common/https/round_trip.h"

namespace twinseal::https {

Exchange::Exchange(const Identity& identity, std::size_t max_answer)
    : proxied_(!identity.proxy.empty()),
      easy_(MakeEasy(identity, words_.data())),
      max_answer_(max_answer) {
  if (easy_ == nullptr) return;
  curl_easy_setopt(easy_.get(), CURLOPT_WRITEFUNCTION, &Exchange::Collect);
  curl_easy_setopt(easy_.get(), CURLOPT_WRITEDATA, this);
}

std::size_t Exchange::Collect(char* data, std::size_t size, std::size_t count, void* exchange) {
  auto& self = *static_cast<Exchange*>(exchange);
  if (self.body_.size() + size * count > self.max_answer_) return 0;
  self.body_.append(data, size * count);
  return size * count;
}

CURLcode Exchange::Prepare(const Request& request) {
  CURL* const easy = easy_.get();
  if (easy == nullptr) return CURLE_FAILED_INIT;
  headers_ = MakeHeaders(request.headers);
  if (headers_ == nullptr && !request.headers.empty()) return CURLE_OUT_OF_MEMORY;
  body_.clear();
  fields_.Clear();
  words_[0] = '\0';
  if (request.body != nullptr) {
    SetBody(easy, *request.body);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  }
  SetHttp2(easy, request.http2 ? &fields_ : nullptr);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_.get());
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, request.new_connection ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CurlMilliseconds(request.patience.connect));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, CurlMilliseconds(request.patience.whole));
  return curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
}

Outcome Exchange::Finish(CURLcode done) {
  CURL* const easy = easy_.get();
  if (easy != nullptr) {
    // What was lent for this request alone.
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, nullptr);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
  }
  if (done != CURLE_OK) return FailureOf(easy, done, words_.data(), proxied_);
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
  return Answer{static_cast<int>(status), type != nullptr ? type : "",
                std::exchange(body_, std::string()), std::exchange(fields_, Fields())};
}

Timing Exchange::Measure() const {
  CURL* const easy = easy_.get();
  if (easy == nullptr) return {};
  long connections = 0;
  curl_off_t resolved = 0;
  curl_off_t secured = 0;
  curl_off_t ready = 0;
  curl_off_t whole = 0;
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &connections);
  curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &resolved);
  curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured);
  curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready);
  curl_easy_getinfo(easy, CURLINFO_TOTAL_TIME_T, &whole);
  Timing timing{};
  if (connections > 0 && secured > resolved)
    timing.connecting = std::chrono::microseconds(secured - resolved);
  curl_socket_t socket = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket);
  if (!proxied_ && socket != CURL_SOCKET_BAD) timing.round_trip = RoundTripOf(socket);
  if (whole > ready) timing.answering = std::chrono::microseconds(whole - ready);
  return timing;
}

}  // namespace twinseal::https
