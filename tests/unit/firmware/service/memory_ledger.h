// A ledger in memory, whose commits a test can let fail.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/ledger/ledger.h"

namespace twinseal::service {

class MemoryLedger : public ledger::Ledger {
 public:
  // Asked before a commit: an error is answered instead, the commit being made or not.
  struct Fault {
    Error error;
    bool commit_all_the_same = false;
  };
  std::function<std::optional<Fault>(const ledger::Transaction&)> fault;
  // Called before each commit, outside the lock: another caller gets in between.
  std::function<void()> before_commit;

  // Called after each reading, and after each reading nearby, outside the lock.
  std::function<void(std::string_view key)> after_get;
  std::function<void(std::string_view key)> after_nearby;

  // Asked before a listing, outside the lock: an error is answered instead. From any thread.
  using ListFault = std::function<std::optional<Error>()>;
  void SetListFault(ListFault list_fault);

  Result<std::optional<ledger::Entry>> Get(std::string_view key) override;
  Result<std::optional<ledger::Entry>> GetNearby(std::string_view key) override;
  Result<ledger::Listing> List(const ledger::Range& range) override;
  Result<ledger::Outcome> Commit(const ledger::Transaction& transaction) override;
  Result<ledger::Revision> CurrentRevision() override;
  ledger::Revision SeenRevision() override { return CurrentRevision().value(); }
  Result<std::unique_ptr<ledger::Feed>> Follow(std::string prefix, ledger::Revision after,
                                               std::function<void(const ledger::Change&)> on_change,
                                               std::function<void(const Error&)> on_lost) override;
  Status Purge() override {
    ++purges;
    return Ok();
  }
  int purges = 0;
  std::string EngineName() const override { return "memory"; }

  // Ends every feed, as a compaction does.
  void LoseFeeds();
  // From here on, what is nearby is as it is now, until Thaw(): this place hears of nothing.
  void FreezeNearby();
  void Thaw();

 private:
  struct Follower;
  class Following;

  bool Holds(const ledger::Guard& guard) const;

  std::mutex mutex_;
  using Entries = std::map<std::string, ledger::Entry, std::less<>>;
  Entries entries_;
  std::optional<Entries> nearby_;  // Nothing: as `entries_`.
  std::uint64_t revision_ = 0;
  std::vector<std::shared_ptr<Follower>> followers_;
  ListFault list_fault_;
};

}  // namespace twinseal::service
