// The barrier between sites (site_lease.h tells why it holds).
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "firmware/service/keys/barrier.h"
#include "firmware/service/pair/other_site.h"
#include "firmware/service/pair/site_lease.h"

namespace twinseal::service {

// Thread-safe. Before Open() no change is made but of what nobody uses yet.
class PairBarrier final : public Barrier {
 public:
  explicit PairBarrier(WallClock clock, BootTime boot_time = BootClock::now)
      : clock_(std::move(clock)), boot_time_(std::move(boot_time)) {}

  // By the other sites' names. All outlive the barrier's last call.
  using Others = std::map<std::string, std::unique_ptr<OtherSite>>;
  void Open(SiteLease& lease, ledger::Ledger& ledger, Others others) TWINSEAL_EXCLUDES(mutex_);
  // Ends what asks the other sites; who waits for them waits for their leases.
  void Close() TWINSEAL_EXCLUDES(mutex_);

  Status MayChange() const override;
  Status MayActOn(const v1::Key& key) const override;
  void Guard(ledger::Transaction& change) const override;
  Terms Prepare(ledger::Transaction& change) override;
  void Missed() override;
  std::vector<v1::UninformedSite> Await(const Terms& terms, const v1::Key& before,
                                        ledger::Revision revision) override;
  bool NearbyIsCurrent() const override;
  bool AllHave(ledger::Revision revision) const override;
  std::vector<SiteName> OtherSites() const override;

  // By site.
  std::map<std::string, OtherSite::Contact> contacts() const;

 private:
  using Progress = std::map<std::string, std::shared_ptr<OtherSite>>;
  Progress others() const TWINSEAL_EXCLUDES(mutex_);
  SiteLease* lease() const TWINSEAL_EXCLUDES(mutex_);
  // The others need not wait for it any more, until it has caught up.
  void Suspend(const std::string& site, const OtherSite::Contact& contact);
  bool OutForCertain(const SeenStanding& seen) const;

  const WallClock clock_;
  const BootTime boot_time_;
  mutable Mutex mutex_;
  SiteLease* lease_ TWINSEAL_GUARDED_BY(mutex_) = nullptr;
  ledger::Ledger* ledger_ TWINSEAL_GUARDED_BY(mutex_) = nullptr;
  Progress others_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::service
