// What is in the ledger's journal now, as this site has heard it, and whether there is room for
// more.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "firmware/journal/layout.h"

namespace twinseal::journal {

struct Cap {
  std::uint64_t bytes = 0;
  std::uint64_t entries = 0;
};

// A sixteenth of etcd's quota: its history keeps what was dropped until it is compacted, so what
// passes through in an hour needs room beside what waits, and key records come first.
inline constexpr std::uint64_t kCapShareOfQuota = 16;
// An entry takes about 1 KiB of memory in each member of the ledger besides its content, and 200
// bytes here: 128 MiB and 25 MiB when a site is away for long. By one certificate a second it is
// full in a day and a half.
inline constexpr std::uint64_t kCapEntries = 131'072;
// Appends are refused from there on. What is left is for those that other threads and other sites
// are about to commit, which nobody here has heard of: some hundreds, of a few KiB.
inline constexpr std::uint64_t kNearCapPercent = 90;

Cap CapFor(std::uint64_t quota_bytes);

// One entry as it waits.
struct Waiting {
  std::string name;
  Position position{};
  ledger::Revision modified{};
  std::uint64_t bytes = 0;  // With its name.
};

// One of the journal's own records.
struct Mark {
  Position position{};
  ledger::Revision modified{};  // 0: there is no such record.
};

struct BacklogFigures {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
  Cap cap;
  std::vector<std::string> behind;  // Sites that have not copied everything.
  std::string problem;              // Of this site's own copying, in the user's words; or nothing.
};

// Thread-safe; no call but AwaitHeard() waits for anything.
class Backlog {
 public:
  // `sites` names all that belong to the pair, this one included.
  Backlog(std::string site, Cap cap, std::function<std::vector<std::string>()> sites)
      : site_(std::move(site)), cap_(cap), sites_(std::move(sites)) {}

  // resource_exhausted near the cap, with who has not copied and what to do; unavailable before the
  // journal was read for the first time.
  Status CheckRoom(std::size_t content_bytes) const TWINSEAL_EXCLUDES(mutex_);
  BacklogFigures Figures() const TWINSEAL_EXCLUDES(mutex_);

  // What was heard of the ledger's journal. All of it, and then one change after the other, which
  // may repeat what is known already.
  void Replace(std::vector<Waiting> waiting, std::map<std::string, Mark> copied, Mark dropped)
      TWINSEAL_EXCLUDES(mutex_);
  void Add(Waiting entry) TWINSEAL_EXCLUDES(mutex_);
  void Remove(std::string_view name) TWINSEAL_EXCLUDES(mutex_);
  void SetCopied(const std::string& site, Mark mark) TWINSEAL_EXCLUDES(mutex_);
  void SetDropped(Mark mark) TWINSEAL_EXCLUDES(mutex_);
  void SetProblem(std::string problem) TWINSEAL_EXCLUDES(mutex_);

  // Those whose names begin with `prefix`. unavailable before the journal was read for the first
  // time.
  Result<std::vector<Waiting>> Under(std::string_view prefix) const TWINSEAL_EXCLUDES(mutex_);
  // As Archive::GroupsUnder().
  std::vector<std::string> GroupsUnder(std::string_view prefix, std::string_view after,
                                       std::size_t limit) const TWINSEAL_EXCLUDES(mutex_);
  // Returns when the entry that came with this commit has been heard of, or when time is up.
  void AwaitHeard(ledger::Revision commit, std::chrono::steady_clock::time_point until) const
      TWINSEAL_EXCLUDES(mutex_);

  Mark copied(const std::string& site) const TWINSEAL_EXCLUDES(mutex_);
  Mark dropped() const TWINSEAL_EXCLUDES(mutex_);
  // Whether an entry waits whose position is above `after`, up to and with `through`.
  bool AnyBetween(Position after, Position through) const TWINSEAL_EXCLUDES(mutex_);

  // What every site has copied, at most `limit` of it, the oldest first, and by which of the sites'
  // records that is so.
  struct Droppable {
    std::vector<Waiting> entries;
    std::map<std::string, Mark> by;
  };
  Droppable CopiedByAll(std::size_t limit) const TWINSEAL_EXCLUDES(mutex_);

 private:
  void AddOne(Waiting entry) TWINSEAL_REQUIRES(mutex_);
  void RemoveOne(std::string_view name) TWINSEAL_REQUIRES(mutex_);
  std::vector<std::string> Behind() const TWINSEAL_REQUIRES(mutex_);

  const std::string site_;
  const Cap cap_;
  const std::function<std::vector<std::string>()> sites_;
  mutable Mutex mutex_;
  mutable Condition more_;  // Was heard of.
  bool known_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::map<Position, Waiting> waiting_ TWINSEAL_GUARDED_BY(mutex_);
  // The names are those in `waiting_`.
  std::map<std::string_view, Position> by_name_ TWINSEAL_GUARDED_BY(mutex_);
  ledger::Revision heard_ TWINSEAL_GUARDED_BY(mutex_){};  // The newest of any entry.
  std::uint64_t bytes_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, Mark> copied_ TWINSEAL_GUARDED_BY(mutex_);
  Mark dropped_ TWINSEAL_GUARDED_BY(mutex_);
  std::string problem_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::journal
