#include "common/https/transfer.h"

#include <utility>

#include "common/https/easy.h"

namespace twinseal::https {

static_assert(CURL_ERROR_SIZE == 256);

Status Start() {
  // Thread-safe by itself only from libcurl 7.84 on.
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started ? Ok() : Status(Error(Code::kInternal, "libcurl cannot be started"));
}

Transfer::Transfer(const Identity& identity, std::size_t max_answer)
    : easy_(MakeEasy(identity, words_.data())), max_answer_(max_answer) {
  if (easy_ != nullptr) curl_easy_setopt(easy_.get(), CURLOPT_WRITEFUNCTION, &Transfer::Collect);
}

std::size_t Transfer::Collect(char* data, std::size_t size, std::size_t count, void* transfer) {
  auto& self = *static_cast<Transfer*>(transfer);
  if (self.body_.size() + size * count > self.max_answer_) return 0;
  self.body_.append(data, size * count);
  return size * count;
}

Outcome Transfer::Post(const std::string& url, const std::vector<std::string>& headers,
                       const std::string& body, Patience patience) {
  if (easy_ == nullptr) return Failed(CURLE_FAILED_INIT);
  SetBody(easy_.get(), body);
  Outcome outcome = Perform(url, headers, patience);
  curl_easy_setopt(easy_.get(), CURLOPT_POSTFIELDS, nullptr);
  return outcome;
}

Outcome Transfer::Get(const std::string& url, Patience patience) {
  if (easy_ == nullptr) return Failed(CURLE_FAILED_INIT);
  curl_easy_setopt(easy_.get(), CURLOPT_HTTPGET, 1L);
  return Perform(url, {}, patience);
}

Outcome Transfer::Perform(const std::string& url, const std::vector<std::string>& headers,
                          Patience patience) {
  const HeaderList list = MakeHeaders(headers);
  if (list == nullptr && !headers.empty()) return Failed(CURLE_OUT_OF_MEMORY);
  body_.clear();
  words_[0] = '\0';
  CURL* const easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list.get());
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CurlMilliseconds(patience.connect));
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, CurlMilliseconds(patience.whole));
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  const CURLcode done = curl_easy_perform(easy);
  // It may not outlive this call in libcurl's hands.
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
  if (done != CURLE_OK) return Failed(done);
  long status = 0;
  const char* type = nullptr;
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
  return Answer{static_cast<int>(status), type != nullptr ? type : "",
                std::exchange(body_, std::string())};
}

Failure Transfer::Failed(int code) {
  return FailureOf(easy_.get(), static_cast<CURLcode>(code), words_.data());
}

}  // namespace twinseal::https
