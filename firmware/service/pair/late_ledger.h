// The pair's ledger before and after it can be reached: what stands on a ledger is put together
// before the ledger is there.
#pragma once

#include <memory>
#include <string>

#include "common/base/mutex.h"
#include "common/ledger/etcd_ledger.h"

namespace twinseal::service {

// Answers unavailable, and why, until Open(). Thread-safe. Feeds end before it does.
class LateLedger final : public ledger::Ledger {
 public:
  void Open(std::unique_ptr<ledger::EtcdLedger> engine) TWINSEAL_EXCLUDES(mutex_);
  // Why it is not open, in the user's words.
  void Waits(std::string why) TWINSEAL_EXCLUDES(mutex_);
  bool open() const { return engine() != nullptr; }
  // Nothing seen before it is open.
  ledger::Sighting seen() const;

  Result<std::optional<ledger::Entry>> Get(std::string_view key) override;
  Result<ledger::Listing> List(const ledger::Range& range) override;
  Result<std::optional<ledger::Entry>> GetNearby(std::string_view key) override;
  Result<std::vector<std::optional<ledger::Entry>>> GetAll(
      const std::vector<std::string>& keys) override;
  Result<std::vector<std::optional<ledger::Entry>>> GetAllNearby(
      const std::vector<std::string>& keys) override;
  Result<ledger::Outcome> Commit(const ledger::Transaction& transaction) override;
  Result<ledger::Revision> CurrentRevision() override;
  ledger::Revision SeenRevision() override;
  Result<std::unique_ptr<ledger::Feed>> Follow(std::string prefix, ledger::Revision after,
                                               std::function<void(const ledger::Change&)> on_change,
                                               std::function<void(const Error&)> on_lost) override;
  Status Purge() override;
  std::string EngineName() const override;

 private:
  ledger::EtcdLedger* engine() const TWINSEAL_EXCLUDES(mutex_);
  Error NotOpen() const TWINSEAL_EXCLUDES(mutex_);

  mutable Mutex mutex_;
  std::unique_ptr<ledger::EtcdLedger> engine_ TWINSEAL_GUARDED_BY(mutex_);  // Set once.
  std::string why_ TWINSEAL_GUARDED_BY(mutex_) = "it has not been started yet";
};

}  // namespace twinseal::service
