// Whether this site may act on its view of the keys, and what it knows of the other sites'
// standing.
//
// The site looks at the ledger every 0.35 s, as a majority has it. When its view holds
// everything that was committed before such a look began, the site may rely on the view until
// kLease after that beginning: who changes a key and waits for that long has outwaited every
// site that did not hear of it. Nothing of this rests on a clock that is set, or on what a site
// says of itself.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/ledger/ledger.h"
#include "firmware/service/keys/applied.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/pair/boot_clock.h"
#include "firmware/service/pair/pair_paths.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::service {

// How long a look is good for.
inline constexpr std::chrono::milliseconds kLease{700};
// What others wait longer than that: clocks of two machines differ by less than a thousandth, and
// a request that was admitted is under way when it was asked.
inline constexpr std::chrono::milliseconds kLeaseMargin{50};

// One site's standing, as a look has found it.
struct SeenStanding {
  v1::SiteStanding standing;
  ledger::Revision modified{};
  BootClock::time_point seen;  // When a look first found this record.
};
// By site. One without a record is active.
using SeenStandings = std::map<std::string, SeenStanding>;

v1::SiteStanding::Standing StandingIn(const SeenStandings& standings, const std::string& site);

// Thread-safe. `ledger` and `applied` outlive it.
class SiteLease {
 public:
  SiteLease(SiteName site, ledger::Ledger& ledger, Applied& applied, WallClock clock,
            BootTime boot_time = BootClock::now);
  ~SiteLease();  // As Stop().
  SiteLease(const SiteLease&) = delete;
  SiteLease& operator=(const SiteLease&) = delete;

  void Start();
  void Stop();

  bool held() const TWINSEAL_EXCLUDES(mutex_);
  // unavailable, saying where else to go, when the key's isolation rule does not let this site sign
  // now; also in maintenance. Quick.
  Status MaySign(const v1::Key& key) const TWINSEAL_EXCLUDES(mutex_);
  // unavailable in maintenance, and while a majority of the ledger cannot be reached. Quick.
  Status MayChange() const TWINSEAL_EXCLUDES(mutex_);
  // Why it does not serve; empty when it does.
  std::string NotReady() const TWINSEAL_EXCLUDES(mutex_);
  // Since when the ledger could not be looked at; nothing while the lease is held.
  std::optional<std::int64_t> isolated_since_unix_ms() const TWINSEAL_EXCLUDES(mutex_);
  SeenStandings standings() const TWINSEAL_EXCLUDES(mutex_);

  // Looks now rather than at the next turn, and returns when that is done, or the time is over.
  void AwaitLook(Deadline deadline) TWINSEAL_EXCLUDES(mutex_);

 private:
  void Run();
  void LookOnce();
  Status Reinstate(const SeenStanding& own);
  void Take(const ledger::Listing& listing, BootClock::time_point now) TWINSEAL_EXCLUDES(mutex_);
  void Grant(BootClock::time_point began) TWINSEAL_EXCLUDES(mutex_);
  bool PauseUntil(Deadline next) TWINSEAL_EXCLUDES(mutex_);
  Status CheckInService() const TWINSEAL_REQUIRES(mutex_);
  void LookNow() TWINSEAL_EXCLUDES(mutex_);

  const SiteName site_;
  ledger::Ledger& ledger_;
  Applied& applied_;
  const WallClock clock_;
  const BootTime boot_time_;

  mutable Mutex mutex_;
  Condition changed_;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool now_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::uint64_t looks_ TWINSEAL_GUARDED_BY(mutex_) = 0;  // That were begun and ended.
  std::optional<BootClock::time_point> until_ TWINSEAL_GUARDED_BY(mutex_);
  std::int64_t until_unix_ms_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  SeenStandings standings_ TWINSEAL_GUARDED_BY(mutex_);
  std::string left_ TWINSEAL_GUARDED_BY(mutex_);  // The site that took the ledger with it.
  std::thread thread_;
};

}  // namespace twinseal::service
