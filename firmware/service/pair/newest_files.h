// Whether this site's files are the newest that it had. An older copy of them, put back, has
// forgotten what the site promised to the ledger and what it recorded.
//
// The ledger and the site's own file have the same mark, a random number that is made anew at each
// start and now and then: a copy of the files that is older than the last one has another.
#pragma once

#include <string>

#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/service/pair/pair_file.h"

namespace twinseal::service {

// Compares the file with `record`, a SiteMark as the ledger has it now; empty when it has none.
// data_loss, saying what to do, when the files are not the newest.
Status CheckMark(const v1::PairState& state, const std::string& record);

// Compares the marks and makes a new one. data_loss, saying what to do, when the files are not the
// newest; resource_exhausted when they are, but a full ledger does not take the new mark; errors of
// ledger and file otherwise. After all but data_loss it may be repeated. For a site whose pair's
// ledger counts.
Status ProveNewestFiles(PairFile& file, ledger::Ledger& ledger, const std::string& site);

}  // namespace twinseal::service
