// How far another site's view is, as that site says.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
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
#include "twinseal/v1/pair.pb.h"

namespace twinseal::service {

// Asks the site all the time for what it has next, a few questions at once, so that word of a
// change is under way as soon as the site has it. Thread-safe.
class SiteProgress final : public OtherSite {
 public:
  // Told of a newer record of the pair than that of `epoch`; from a thread of its own, must not
  // destroy the progress.
  using OnConfig = std::function<void(const v1::PairConfig&)>;

  // `options` name the site's one endpoint.
  static Result<std::unique_ptr<SiteProgress>> Start(connect::ClientOptions options,
                                                     std::uint64_t epoch, OnConfig on_config);
  ~SiteProgress() override;

  bool WaitUntil(ledger::Revision revision, Deadline deadline) override {
    return known_.WaitUntil(revision, deadline);
  }
  Contact contact() const override TWINSEAL_EXCLUDES(mutex_);

 private:
  SiteProgress(std::unique_ptr<client::Caller> caller, std::uint64_t epoch, OnConfig on_config)
      : caller_(std::move(caller)), epoch_(epoch), on_config_(std::move(on_config)) {}

  void Run();
  void Note(const Status& asked) TWINSEAL_EXCLUDES(mutex_);
  bool Pause() TWINSEAL_EXCLUDES(mutex_);

  const std::unique_ptr<client::Caller> caller_;
  const std::uint64_t epoch_;
  const OnConfig on_config_;
  Applied known_;
  mutable Mutex mutex_;
  Condition stops_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  Contact contact_ TWINSEAL_GUARDED_BY(mutex_){false, "it was not asked yet",
                                               std::chrono::steady_clock::now()};
  std::vector<std::thread> threads_;
};

}  // namespace twinseal::service
