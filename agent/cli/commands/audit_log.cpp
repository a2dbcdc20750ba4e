#include "agent/cli/commands/audit_log.h"

#include <algorithm>

#include "twinseal/v1/appliance.pb.h"

namespace twinseal::cli {
namespace {

// The contract's largest page.
constexpr std::uint32_t kPageSize = 1000;
constexpr std::string_view kListRecords = "AuditService/ListAuditRecords";
constexpr std::string_view kListCheckpoints = "AuditService/ListAuditCheckpoints";

}  // namespace

Result<AuditLog> AuditLog::Open(Remote& remote) {
  v1::ListAuditRecordsRequest request;
  request.set_page_size(1);
  Error last(Code::kUnavailable, "no endpoint is configured");
  for (std::size_t endpoint = 0; endpoint < remote.endpoints().size(); ++endpoint) {
    v1::ListAuditRecordsResponse response;
    const Status status = remote.CallAt(endpoint, kListRecords, request, response);
    if (status.ok()) return AuditLog(remote, endpoint, response.tree_size());
    last = status.error();
    if (last.code() != Code::kUnavailable) break;
  }
  return last;
}

Status AuditLog::Refresh() {
  v1::ListAuditRecordsRequest request;
  request.set_page_size(1);
  v1::ListAuditRecordsResponse response;
  TWINSEAL_RETURN_IF_ERROR(remote_->CallAt(endpoint_, kListRecords, request, response));
  size_ = response.tree_size();
  return Ok();
}

Result<std::string> AuditLog::Site() {
  v1::GetStatusResponse response;
  TWINSEAL_RETURN_IF_ERROR(
      remote_->CallAt(endpoint_, "ApplianceService/GetStatus", v1::GetStatusRequest(), response));
  return response.site();
}

Result<Checkpoints> AuditLog::ReadCheckpoints() {
  Checkpoints checkpoints;
  v1::ListAuditCheckpointsRequest request;
  request.set_page_size(kPageSize);
  while (true) {
    v1::ListAuditCheckpointsResponse page;
    TWINSEAL_RETURN_IF_ERROR(remote_->CallAt(endpoint_, kListCheckpoints, request, page));
    checkpoints.public_key_pem = page.public_key_pem();
    std::uint64_t next = request.first_tree_size();
    for (const v1::AuditCheckpoint& checkpoint : page.checkpoints()) {
      next = std::max(next, checkpoint.tree_size() + 1);
      checkpoints.all.push_back(checkpoint);
    }
    if (!page.more()) return checkpoints;
    if (next == request.first_tree_size()) {
      return Error(Code::kInternal, "the appliance gave the same checkpoints twice; report it");
    }
    request.set_first_tree_size(next);
  }
}

Status AuditLog::Read(std::uint64_t first, std::uint64_t end, const Each& each) {
  v1::ListAuditRecordsRequest request;
  while (first < end) {
    request.set_first_sequence(first);
    request.set_page_size(
        static_cast<std::uint32_t>(std::min<std::uint64_t>(kPageSize, end - first)));
    v1::ListAuditRecordsResponse page;
    TWINSEAL_RETURN_IF_ERROR(remote_->CallAt(endpoint_, kListRecords, request, page));
    std::uint64_t next = first;
    for (const v1::StoredAuditRecord& record : page.records()) {
      // A log that was tampered with may hold any number here; only numbers that go forward lead
      // on.
      if (record.sequence() >= next && record.sequence() < end) next = record.sequence() + 1;
      TWINSEAL_RETURN_IF_ERROR(each(record));
    }
    if (next == first) return Ok();
    first = next;
  }
  return Ok();
}

}  // namespace twinseal::cli
