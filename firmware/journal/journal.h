// The way of what is immutable and large through the ledger: it is committed there, each site
// copies it into its own archive, and then the ledger drops it. docs/pair.md tells how.
#pragma once

#include <optional>
#include <string_view>

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
  // entry. Blocks.
  Result<std::optional<Entry>> Find(std::string_view name);

 private:
  ledger::Ledger& ledger_;
  Archive& archive_;
  Backlog& backlog_;
};

}  // namespace twinseal::journal
