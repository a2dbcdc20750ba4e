// The way of what is immutable and large through the ledger: it is committed there, each site
// copies it into its own archive, and then the ledger drops it. docs/pair.md tells how.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/journal/archive.h"
#include "firmware/journal/backlog.h"

namespace twinseal::journal {

// For those who write and read entries. Thread-safe; what it refers to outlives it.
class Journal {
 public:
  Journal(ledger::Ledger& ledger, Archive& archive, Backlog& backlog)
      : ledger_(ledger), archive_(archive), backlog_(backlog) {}

  // Adds an entry to the caller's transaction, which commits with all the rest of it or not at all;
  // not when the journal has one of this name, so a transaction may be repeated. One entry a
  // transaction: its commit is its position. resource_exhausted near the journal's cap, saying who
  // has not copied; already_exists when it was archived before; invalid_argument for a second
  // entry, an empty or too long name, or content above kMaxContentBytes.
  Status Append(ledger::Transaction& transaction, std::string_view name, BytesView content);

  // From the archive or, not yet copied, from the ledger; nothing when there never was such an
  // entry. unavailable when it may be what this site's archive lacks: that is new, or an old copy,
  // and is being read from another site's. Blocks.
  Result<std::optional<Entry>> Find(std::string_view name);
  // All whose names begin with `prefix`, in the order of their positions: those that there are, or
  // those that this site has heard of, for which no other place is asked. unavailable before the
  // journal was read for the first time, and while the archive lacks something. Blocks.
  enum class From { kLedger, kHeard };
  Result<std::vector<Entry>> FindUnder(std::string_view prefix, From from);
  // As Archive::GroupsUnder(), of all that this site has heard of; unavailable as FindUnder().
  Result<std::vector<std::string>> GroupsUnder(std::string_view prefix, std::string_view after,
                                               std::size_t limit);
  // After a commit that brought an entry: returns when this site has heard of it, or when time is
  // up.
  void AwaitHeard(ledger::Revision commit, std::chrono::steady_clock::time_point until) const {
    backlog_.AwaitHeard(commit, until);
  }

 private:
  Status CheckWhole() const;
  Result<std::vector<Entry>> WaitingUnder(std::string_view prefix, From from);

  ledger::Ledger& ledger_;
  Archive& archive_;
  Backlog& backlog_;
};

}  // namespace twinseal::journal
