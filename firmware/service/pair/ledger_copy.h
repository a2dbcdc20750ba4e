// Moving what a ledger holds into another.
#pragma once

#include "common/base/result.h"
#include "common/ledger/ledger.h"

namespace twinseal::service {

// Writes every key of `from` but the pair's own into `to`, whatever it holds there; may be repeated
// after an interruption. Nobody else may write to either meanwhile. Marks of changes that a site's
// core has not taken in go along, and the journal's entries, which keep their positions.
Status CopyLedger(ledger::Ledger& from, ledger::Ledger& to);

}  // namespace twinseal::service
