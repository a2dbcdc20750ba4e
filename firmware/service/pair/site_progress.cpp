#include "firmware/service/pair/site_progress.h"

#include <utility>

#include "twinseal/v1/site.pb.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// While an answer is on its way, the next question is there already.
constexpr int kQuestions = 3;
// A site that has nothing new says so after a second, and is known to be there.
constexpr milliseconds kQuestionTime{2'000};
constexpr milliseconds kRetry{200};

}  // namespace

Result<std::unique_ptr<SiteProgress>> SiteProgress::Start(connect::ClientOptions options,
                                                          std::uint64_t epoch, OnConfig on_config) {
  TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<client::Caller> caller,
                            client::Caller::Create(std::move(options)));
  std::unique_ptr<SiteProgress> progress(
      new SiteProgress(std::move(caller), epoch, std::move(on_config)));
  for (int i = 0; i < kQuestions; ++i) {
    progress->threads_.emplace_back([self = progress.get()] { self->Run(); });
  }
  return progress;
}

SiteProgress::~SiteProgress() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    stops_.NotifyAll();
  }
  caller_->Stop();
  for (std::thread& thread : threads_) thread.join();
}

void SiteProgress::Run() {
  bool asked_before = false;
  bool answered = false;
  while (answered || !asked_before || Pause()) {
    {
      const MutexLock lock(mutex_);
      if (stopping_) return;
    }
    v1::AwaitAppliedRequest request;
    // One that did not answer is asked for what it has at once.
    request.set_revision(answered ? ledger::Number(known_.now()) + 1 : 0);
    request.set_epoch(epoch_);
    asked_before = true;
    v1::AwaitAppliedResponse response;
    connect::CallOptions options;
    options.timeout = kQuestionTime;
    const Status asked =
        caller_->CallAt(0, "/twinseal.v1.SiteService/AwaitApplied", request, response, options);
    if (asked.ok()) known_.Advance(ledger::Revision{response.applied()});
    if (asked.ok() && response.config().epoch() > epoch_) on_config_(response.config());
    Note(asked);
    answered = asked.ok();
  }
}

void SiteProgress::Note(const Status& asked) {
  const MutexLock lock(mutex_);
  if (asked.ok() != contact_.reachable) {
    contact_.reachable = asked.ok();
    contact_.since = steady_clock::now();
  }
  contact_.reason = asked.ok() ? "" : asked.error().message();
}

bool SiteProgress::Pause() {
  const auto until = steady_clock::now() + kRetry;
  const MutexLock lock(mutex_);
  while (!stopping_ && stops_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

SiteProgress::Contact SiteProgress::contact() const {
  const MutexLock lock(mutex_);
  return contact_;
}

}  // namespace twinseal::service
