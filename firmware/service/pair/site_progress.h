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

namespace twinseal::service {

// Asks the site all the time for what it has next, a few questions at once, so that word of a
// change is under way as soon as the site has it. Thread-safe.
class SiteProgress {
 public:
  // `options` name the site's one endpoint.
  static Result<std::unique_ptr<SiteProgress>> Start(connect::ClientOptions options);
  ~SiteProgress();
  SiteProgress(const SiteProgress&) = delete;
  SiteProgress& operator=(const SiteProgress&) = delete;

  // False when the site has not said by then that it has the revision.
  bool WaitUntil(ledger::Revision revision, Deadline deadline) {
    return known_.WaitUntil(revision, deadline);
  }

  struct Contact {
    bool reachable = false;
    std::string reason;  // Why not.
    std::chrono::steady_clock::time_point since;
  };
  Contact contact() const TWINSEAL_EXCLUDES(mutex_);

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
