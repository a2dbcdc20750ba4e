// The ledger of an appliance that is alone: one SQLite file (WAL, synchronous=FULL, secure_delete).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>

#include "common/base/result.h"
#include "common/ledger/ledger.h"

namespace twinseal::ledger {

struct SqliteLedgerOptions {
  // How many removals the feed remembers (about 100 B each). A follower that is further behind gets
  // out_of_range.
  std::size_t kept_removals = 100'000;
  // For tests of a full disk: the file's largest size in pages of 4 KiB. 0: no limit.
  std::uint32_t max_pages = 0;
};

// Commits of many threads share a transaction and its sync: one thread of the ledger's own takes
// all that wait. A call of Get, List or Follow's callback sees only what is durable. Destroy the
// feeds before the ledger.
class SqliteLedger {
 public:
  // Opens or makes the file, which must be the process's own and closed to others
  // (permission_denied names what is wrong). data_loss, with the file's name, when it is damaged or
  // not a ledger.
  static Result<std::unique_ptr<Ledger>> Open(const std::filesystem::path& path,
                                              SqliteLedgerOptions options = {});
};

}  // namespace twinseal::ledger
