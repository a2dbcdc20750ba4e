#include "firmware/service/pair/newest_files.h"

#include <fmt/format.h>

#include "firmware/service/pair/pair_paths.h"
#include "firmware/service/pair/transcript.h"

namespace twinseal::service {
namespace {

bool IsNewest(const v1::PairState& state, const v1::SiteMark& recorded) {
  if (!state.mark().empty() && recorded.mark() == state.mark()) return true;
  return !state.next_mark().empty() && recorded.mark() == state.next_mark();
}

// The ledger's mark is then of the lost appliance whose place this one takes.
bool IsNew(const v1::PairState& state, const v1::SiteMark& recorded) {
  return state.phase() == v1::PairState::ACCEPTED && recorded.pairing_id() != PairingIdOf(state);
}

// One whose fate is not known may yet be recorded: it is tried again, and no other beside it.
std::string NextMark(const v1::PairState& state, const v1::SiteMark& recorded) {
  const bool open = !state.next_mark().empty() && state.next_mark() != recorded.mark();
  return open ? state.next_mark() : RandomNonce();
}

}  // namespace

Status CheckMark(const v1::PairState& state, const std::string& record) {
  v1::SiteMark recorded;
  if (record.empty()) return Ok();
  if (!recorded.ParseFromString(record)) {
    return Error(Code::kInternal, "the ledger's mark of this site cannot be read");
  }
  if (IsNewest(state, recorded) || IsNew(state, recorded)) return Ok();
  return Error(Code::kDataLoss,
               fmt::format("the files of site {} are an older copy of what it had, and are not "
                           "used: stop it, put the newest ones back and start it; when they are "
                           "gone, let another appliance take its place (`twinseal pair replace`)",
                           state.site()));
}

Status ProveNewestFiles(PairFile& file, ledger::Ledger& ledger, const std::string& site) {
  const std::string path = MarkPath(site);
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> entry, ledger.Get(path));
  const std::string record = entry ? ToString(entry->value) : "";
  const v1::PairState state = file.state();
  TWINSEAL_RETURN_IF_ERROR(CheckMark(state, record));
  v1::SiteMark recorded;
  recorded.ParseFromString(record);
  v1::SiteMark next;
  next.set_pairing_id(PairingIdOf(state));
  next.set_mark(NextMark(state, recorded));
  // First here: whichever of the two the ledger has when this process ends, the file has it, too.
  TWINSEAL_RETURN_IF_ERROR(file.Change([&](v1::PairState& changed) {
    changed.set_mark(recorded.mark());
    changed.set_next_mark(next.mark());
  }));
  ledger::Transaction transaction;
  transaction.guards.push_back(ledger::AsRead(path, entry));
  transaction.writes.push_back(ledger::Put{path, ToBytes(next.SerializeAsString())});
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger.Commit(transaction));
  if (!outcome.committed) {
    return Error(Code::kUnavailable,
                 "the site's mark in the ledger was just changed; it is tried "
                 "again");
  }
  return file.Change([&](v1::PairState& changed) {
    changed.set_mark(next.mark());
    changed.clear_next_mark();
  });
}

}  // namespace twinseal::service
