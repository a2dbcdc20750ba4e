#include "firmware/service/pair/ledger_copy.h"

#include <utility>

#include "firmware/journal/layout.h"
#include "firmware/service/pair/pair_paths.h"

namespace twinseal::service {
namespace {

// Well below what one transaction may hold, whatever the values' names add.
constexpr std::size_t kBatchBytes = ledger::kMaxTransactionBytes / 2;

// An outcome that is not known is no harm: the same is written again.
Status Write(ledger::Ledger& to, const ledger::Transaction& batch) {
  constexpr int kRepeats = 5;
  for (int repeat = 1;; ++repeat) {
    const Result<ledger::Outcome> outcome = to.Commit(batch);
    if (outcome.ok()) return Ok();
    if (outcome.error().code() != Code::kUnavailable || repeat == kRepeats) return outcome.error();
  }
}

}  // namespace

Status CopyLedger(ledger::Ledger& from, ledger::Ledger& to) {
  ledger::Range range = ledger::Range::Prefix("", ledger::kMaxOperations);
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(ledger::Listing page, from.List(range));
    ledger::Transaction batch;
    std::size_t bytes = 0;
    for (ledger::Entry& entry : page.entries) {
      if (entry.key.starts_with(kPairPrefix) || entry.key.starts_with(journal::kPrefix)) continue;
      if (bytes + entry.value.size() > kBatchBytes && !batch.writes.empty()) {
        TWINSEAL_RETURN_IF_ERROR(Write(to, batch));
        batch.writes.clear();
        bytes = 0;
      }
      bytes += entry.value.size();
      batch.writes.push_back(ledger::Put{entry.key, std::move(entry.value)});
    }
    if (!batch.writes.empty()) TWINSEAL_RETURN_IF_ERROR(Write(to, batch));
    if (!page.more || page.entries.empty()) break;
    // The least key above the last one.
    range.first = page.entries.back().key + '\0';
  }
  return journal::CarryOver(from,
                            [&](const ledger::Transaction& batch) { return Write(to, batch); });
}

}  // namespace twinseal::service
