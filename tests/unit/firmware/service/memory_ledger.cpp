#include "tests/unit/firmware/service/memory_ledger.h"

#include <algorithm>
#include <utility>

namespace twinseal::service {

struct MemoryLedger::Follower {
  std::string prefix;
  std::function<void(const ledger::Change&)> on_change;
  std::function<void(const Error&)> on_lost;
  std::mutex mutex;
  bool stopped = false;
};

class MemoryLedger::Following : public ledger::Feed {
 public:
  explicit Following(std::shared_ptr<Follower> follower) : follower_(std::move(follower)) {}
  ~Following() override {
    const std::lock_guard lock(follower_->mutex);
    follower_->stopped = true;
  }

 private:
  std::shared_ptr<Follower> follower_;
};

Result<std::optional<ledger::Entry>> MemoryLedger::Get(std::string_view key) {
  std::optional<ledger::Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(key); found != entries_.end()) entry = found->second;
  }
  if (const auto called = after_get) called(key);
  return entry;
}

Result<std::optional<ledger::Entry>> MemoryLedger::GetNearby(std::string_view key) {
  std::optional<ledger::Entry> entry;
  {
    const std::lock_guard lock(mutex_);
    const Entries& entries = nearby_ ? *nearby_ : entries_;
    if (const auto found = entries.find(key); found != entries.end()) entry = found->second;
  }
  if (const auto called = after_nearby) called(key);
  return entry;
}

void MemoryLedger::FreezeNearby() {
  const std::lock_guard lock(mutex_);
  nearby_ = entries_;
}

void MemoryLedger::Thaw() {
  const std::lock_guard lock(mutex_);
  nearby_.reset();
}

void MemoryLedger::SetListFault(ListFault list_fault) {
  const std::lock_guard lock(mutex_);
  list_fault_ = std::move(list_fault);
}

Result<ledger::Listing> MemoryLedger::List(const ledger::Range& range) {
  ListFault list_fault;
  {
    const std::lock_guard lock(mutex_);
    list_fault = list_fault_;
  }
  if (list_fault) {
    if (std::optional<Error> injected = list_fault()) return *std::move(injected);
  }
  const std::lock_guard lock(mutex_);
  ledger::Listing listing;
  listing.revision = ledger::Revision(revision_);
  for (auto at = entries_.lower_bound(range.first);
       at != entries_.end() && (range.end.empty() || at->first < range.end); ++at) {
    if (range.limit != 0 && listing.entries.size() == range.limit) {
      listing.more = true;
      break;
    }
    listing.entries.push_back(at->second);
  }
  return listing;
}

bool MemoryLedger::Holds(const ledger::Guard& guard) const {
  if (const auto* absent = std::get_if<ledger::Absent>(&guard))
    return !entries_.contains(absent->key);
  const auto& unchanged = std::get<ledger::UnchangedSince>(guard);
  const auto found = entries_.find(unchanged.key);
  return found != entries_.end() && found->second.modified == unchanged.modified;
}

Result<ledger::Outcome> MemoryLedger::Commit(const ledger::Transaction& transaction) {
  if (const Status fits = ledger::CheckTransaction(transaction); !fits.ok()) return fits.error();
  if (before_commit) std::exchange(before_commit, nullptr)();
  const std::optional<Fault> injected = fault ? fault(transaction) : std::nullopt;
  if (injected && !injected->commit_all_the_same) return injected->error;
  std::vector<ledger::Change> changes;
  std::vector<std::shared_ptr<Follower>> followers;
  ledger::Outcome outcome;
  {
    const std::lock_guard lock(mutex_);
    outcome.committed = std::ranges::all_of(
        transaction.guards, [this](const ledger::Guard& guard) { return Holds(guard); });
    if (outcome.committed) {
      ++revision_;
      for (const ledger::Write& write : transaction.writes) {
        const auto* const touch = std::get_if<ledger::Touch>(&write);
        const std::string key = touch == nullptr ? ledger::KeyOf(write) : TouchedKey(*touch, 0);
        if (std::holds_alternative<ledger::Remove>(write)) {
          entries_.erase(key);
          changes.push_back({key, std::nullopt, ledger::Revision(revision_)});
          continue;
        }
        const auto* const put = std::get_if<ledger::Put>(&write);
        ledger::Entry& entry = entries_[key];
        if (entry.key.empty()) entry = {key, {}, ledger::Revision(revision_), {}};
        entry.value = put == nullptr ? Bytes() : put->value;
        entry.modified = ledger::Revision(revision_);
        changes.push_back({key, entry.value, entry.modified});
      }
    }
    outcome.revision = ledger::Revision(revision_);
    followers = followers_;
  }
  for (const auto& follower : followers) {
    const std::lock_guard lock(follower->mutex);
    std::vector<ledger::Change> told;
    std::ranges::copy_if(changes, std::back_inserter(told), [&](const ledger::Change& change) {
      return change.key.starts_with(follower->prefix);
    });
    for (std::size_t i = 0; i < told.size() && !follower->stopped; ++i) {
      told[i].completes = i + 1 == told.size();
      follower->on_change(told[i]);
    }
  }
  if (injected) return injected->error;
  return outcome;
}

Result<ledger::Revision> MemoryLedger::CurrentRevision() {
  const std::lock_guard lock(mutex_);
  return ledger::Revision(revision_);
}

Result<std::unique_ptr<ledger::Feed>> MemoryLedger::Follow(
    std::string prefix, ledger::Revision, std::function<void(const ledger::Change&)> on_change,
    std::function<void(const Error&)> on_lost) {
  auto follower = std::make_shared<Follower>();
  follower->prefix = std::move(prefix);
  follower->on_change = std::move(on_change);
  follower->on_lost = std::move(on_lost);
  const std::lock_guard lock(mutex_);
  followers_.push_back(follower);
  return std::unique_ptr<ledger::Feed>(std::make_unique<Following>(follower));
}

void MemoryLedger::LoseFeeds() {
  std::vector<std::shared_ptr<Follower>> followers;
  {
    const std::lock_guard lock(mutex_);
    followers.swap(followers_);
  }
  for (const auto& follower : followers)
    follower->on_lost(Error(Code::kOutOfRange, "no longer kept"));
}

}  // namespace twinseal::service
