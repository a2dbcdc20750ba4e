// A site's lease on a ledger in memory, at times that the test sets.
#pragma once

#include <atomic>
#include <chrono>
#include <string>

#include <gtest/gtest.h>

#include "firmware/service/pair/site_lease.h"
#include "tests/support/results.h"
#include "tests/unit/firmware/service/memory_ledger.h"

namespace twinseal::service {

// Two clocks that stand still until the test moves them. Thread-safe.
class SetClocks {
 public:
  void Pass(std::chrono::nanoseconds time) { passed_ += time.count(); }
  BootTime boot() {
    return [this] { return BootClock::time_point(std::chrono::hours(1)) + passed(); };
  }
  WallClock wall() {
    return
        [this] { return kStart + std::chrono::floor<std::chrono::milliseconds>(passed()).count(); };
  }

  static constexpr std::int64_t kStart = 1'800'000'000'000;

 private:
  std::chrono::nanoseconds passed() const { return std::chrono::nanoseconds(passed_.load()); }
  std::atomic<std::int64_t> passed_ = 0;
};

class SiteLeaseFixture : public ::testing::Test {
 protected:
  static Deadline Soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

  // Returns when the lease has looked at what is there now.
  void Look() { lease.AwaitLook(Soon()); }
  void CutOff() {
    ledger.SetListFault([] { return Error(Code::kUnavailable, "no majority"); });
    Look();  // None is under way any more that began before.
  }

  ledger::Revision Put(const std::string& key, const std::string& value) {
    ledger::Transaction transaction;
    transaction.writes.push_back(ledger::Put{key, ToBytes(value)});
    return ledger.Commit(transaction)->revision;
  }
  // As a change of a key does it, without the key.
  ledger::Revision Change() { return Put(std::string(kChangedPath), ""); }
  void SetStanding(const std::string& site, v1::SiteStanding::Standing standing) {
    v1::SiteStanding record;
    record.set_standing(standing);
    record.set_since_unix_ms(1);
    Put(StandingPath(site), record.SerializeAsString());
  }
  v1::SiteStanding StandingOf(const std::string& site) {
    v1::SiteStanding record;
    const auto entry = ledger.Get(StandingPath(site));
    EXPECT_TRUE(entry.ok());
    if (!entry->has_value()) return record;  // It is active.
    EXPECT_TRUE(record.ParseFromString(ToString((*entry)->value)));
    return record;
  }

  static v1::Key KeyThat(v1::Isolation isolation, std::uint32_t seconds = 0) {
    v1::Key key;
    key.set_key_id(KeyId::Random().Hex());
    key.set_name("k");
    key.set_state(v1::ENABLED);
    key.mutable_policy()->set_isolation(isolation);
    key.mutable_policy()->set_isolation_seconds(seconds);
    return key;
  }

  SetClocks clocks;
  MemoryLedger ledger;
  Applied applied;
  SiteLease lease{*SiteName::Parse("a"), ledger, applied, clocks.wall(), clocks.boot()};
};

}  // namespace twinseal::service
