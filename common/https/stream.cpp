#include "common/https/stream.h"

#include <utility>

#include "common/https/easy.h"

namespace twinseal::https {
namespace {

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

struct Sink {
  const std::function<bool(std::string_view)>* on_data;
  bool enough = false;
};

std::size_t Pass(char* data, std::size_t size, std::size_t count, void* into) {
  Sink& sink = *static_cast<Sink*>(into);
  if ((*sink.on_data)({data, size * count})) return size * count;
  sink.enough = true;
  return 0;
}

}  // namespace

struct Stream::Handles {
  std::array<char, CURL_ERROR_SIZE> words{};
  EasyPtr easy;
  std::unique_ptr<CURLM, FreeMulti> multi;
};

Stream::Stream(const Identity& identity)
    : proxied_(!identity.proxy.empty()), handles_(std::make_unique<Handles>()) {
  handles_->easy = MakeEasy(identity, handles_->words.data());
  handles_->multi.reset(curl_multi_init());
}

Stream::~Stream() = default;

void Stream::Stop() {
  stopped_.store(true);
  if (handles_->multi != nullptr) curl_multi_wakeup(handles_->multi.get());
}

std::optional<Outcome> Stream::Run(const std::string& url, const std::vector<std::string>& headers,
                                   const std::string& body, std::chrono::milliseconds connect,
                                   const std::function<bool(std::string_view)>& on_data) {
  // Long enough that it costs nothing; Stop() and data end it before.
  constexpr int kPollMilliseconds = 60'000;
  CURL* const easy = handles_->easy.get();
  CURLM* const multi = handles_->multi.get();
  const HeaderList list = MakeHeaders(headers);
  const auto failed = [&](CURLcode code) {
    return FailureOf(easy, code, handles_->words.data(), proxied_);
  };
  if (easy == nullptr || multi == nullptr) return failed(CURLE_FAILED_INIT);
  if (list == nullptr && !headers.empty()) return failed(CURLE_OUT_OF_MEMORY);
  Sink sink{&on_data};
  curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list.get());
  SetBody(easy, body);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CurlMilliseconds(connect));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &Pass);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &sink);
  Answer answer{};
  SetHttp2(easy, &answer.fields);
  if (curl_multi_add_handle(multi, easy) != CURLM_OK) return failed(CURLE_FAILED_INIT);

  std::optional<Outcome> outcome;
  while (!stopped_.load()) {
    int running = 0;
    CURLMcode code = curl_multi_perform(multi, &running);
    if (code == CURLM_OK && running == 0) {
      int left = 0;
      const CURLMsg* const message = curl_multi_info_read(multi, &left);
      const CURLcode done = message != nullptr ? message->data.result : CURLE_FAILED_INIT;
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      if (sink.enough) break;
      if (done == CURLE_OK) {
        answer.status = static_cast<int>(status);
        outcome = std::move(answer);
      } else {
        outcome = failed(done);
      }
      break;
    }
    if (code == CURLM_OK) code = curl_multi_poll(multi, nullptr, 0, kPollMilliseconds, nullptr);
    if (code != CURLM_OK) {
      outcome = failed(CURLE_FAILED_INIT);
      break;
    }
  }
  curl_multi_remove_handle(multi, easy);
  return outcome;
}

}  // namespace twinseal::https
