#include "common/https/transfer.h"

#include "common/https/exchange.h"

namespace twinseal::https {

Status Start() {
  // Thread-safe by itself only from libcurl 7.84 on.
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started ? Ok() : Status(Error(Code::kInternal, "libcurl cannot be started"));
}

Transfer::Transfer(const Identity& identity, std::size_t max_answer)
    : exchange_(std::make_unique<Exchange>(identity, max_answer)) {}

Transfer::~Transfer() = default;

Outcome Transfer::Run(const Request& request) {
  CURLcode done = exchange_->Prepare(request);
  if (done == CURLE_OK) done = curl_easy_perform(exchange_->easy());
  return exchange_->Finish(done);
}

}  // namespace twinseal::https
