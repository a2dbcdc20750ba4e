#include "firmware/service/pair/departure.h"

#include <utility>

#include <fmt/format.h>

#include "firmware/service/pair/pair_paths.h"
#include "firmware/service/pair/places.h"

namespace twinseal::service {

Status Departure::CheckSite(const std::string& named) const {
  if (named != site_) {
    return Error(Code::kInvalidArgument,
                 fmt::format("this is site {}, not {}; ask that site", site_, named));
  }
  if (file_.state().phase() == v1::PairState::FENCED) {
    return Error(Code::kFailedPrecondition, std::string(kFencedReason));
  }
  if (file_.paired()) return Ok();
  return Error(Code::kFailedPrecondition, fmt::format("site {} belongs to no pair", site_));
}

Status Departure::Begin(std::string_view operation, std::string_view detail, bool recovering) {
  v1::AuditRecord record;
  record.set_operation(std::string(operation));
  record.set_caller_role("appliance");
  record.set_caller_name(site_);
  record.set_outcome("ok");
  record.set_detail(std::string(detail));
  TWINSEAL_RETURN_IF_ERROR(audit_.AppendAndWait(std::move(record)));
  TWINSEAL_RETURN_IF_ERROR(file_.Change([&](v1::PairState& next) {
    next.set_phase(v1::PairState::LEAVING);
    next.set_recovering(recovering);
  }));
  restart_();
  return Ok();
}

Status Departure::Leave(const v1::LeavePairRequest& request) {
  const MutexLock lock(mutex_);
  TWINSEAL_RETURN_IF_ERROR(CheckSite(request.site()));
  if (file_.state().phase() == v1::PairState::LEAVING) return Ok();
  if (file_.state().phase() != v1::PairState::PAIRED) {
    return Error(Code::kFailedPrecondition,
                 "the pairing is not concluded; `twinseal pair abort` undoes it");
  }
  const std::string path(kLeftPath);
  ledger::Transaction transaction;
  transaction.guards.push_back(ledger::Absent{path});
  transaction.writes.push_back(ledger::Put{path, ToBytes(site_)});
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger_.Commit(transaction));
  if (!outcome.committed) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> left, ledger_.Get(path));
    if (!left || ToString(left->value) != site_) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("site {} has left the pair already and taken the ledger with it",
                               left ? ToString(left->value) : "another"));
    }
  }
  return Begin("pair/Leave", "leaves the pair and takes its ledger along", false);
}

Status Departure::Recover(const v1::RecoverPairRequest& request) {
  const MutexLock lock(mutex_);
  TWINSEAL_RETURN_IF_ERROR(CheckSite(request.site()));
  if (file_.state().phase() == v1::PairState::LEAVING) return Ok();
  if (ledger_.CurrentRevision().ok()) {
    return Error(Code::kFailedPrecondition,
                 "a majority of the pair's ledger can be reached: nothing has to be recovered. "
                 "`twinseal pair leave` and `twinseal pair replace` lose nothing");
  }
  return Begin("pair/Recover",
               fmt::format("goes on alone from its own copy of the ledger, which it has seen up to "
                           "revision {}; what others acknowledged since is lost",
                           ledger::Number(ledger_.SeenRevision())),
               true);
}

}  // namespace twinseal::service
