// How far another site's view is, as that site says.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/mutex.h"
#include "common/client/caller.h"
#include "common/ledger/ledger.h"
#include "firmware/service/keys/applied.h"
#include "firmware/service/pair/other_site.h"

namespace twinseal::service {

// Asks the site all the time for what it has next, a few questions at once, so that word of a
// change is under way as soon as the site has it. Thread-safe.
class SiteProgress final : public OtherSite {
 public:
  // `options` name the site's one endpoint.
  static Result<std::unique_ptr<SiteProgress>> Start(connect::ClientOptions options);
  ~SiteProgress() override;

  bool WaitUntil(ledger::Revision revision, Deadline deadline) override {
    return known_.WaitUntil(revision, deadline);
  }
  Contact contact() const override TWINSEAL_EXCLUDES(mutex_);

 private:
  explicit SiteProgress(std::unique_ptr<client::Caller> caller) : caller_(std::move(caller)) {}

  void Run();
  void Note(const Status& asked) TWINSEAL_EXCLUDES(mutex_);
  bool Pause() TWINSEAL_EXCLUDES(mutex_);

  const std::unique_ptr<client::Caller> caller_;
  Applied known_;
  mutable Mutex mutex_;
  Condition stops_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  Contact contact_ TWINSEAL_GUARDED_BY(mutex_){false, "it was not asked yet",
                                               std::chrono::steady_clock::now()};
  std::vector<std::thread> threads_;
};

}  // namespace twinseal::service
