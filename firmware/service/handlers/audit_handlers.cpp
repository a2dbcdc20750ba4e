#include "firmware/service/handlers/audit_handlers.h"

#include <utility>

namespace twinseal::service {

using policy::Procedure;

void AuditHandlers::ListAuditRecords(Call<v1::ListAuditRecordsRequest> call,
                                     Respond<v1::ListAuditRecordsResponse> respond) {
  gate_.EnterBlocking<Procedure::kListAuditRecords, v1::ListAuditRecordsRequest,
                      v1::ListAuditRecordsResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::ListAuditRecordsRequest& request,
             auto&) -> Result<v1::ListAuditRecordsResponse> {
        TWINSEAL_ASSIGN_OR_RETURN(audit::RecordPage page,
                                  log_.List(request.first_sequence(), request.page_size()));
        v1::ListAuditRecordsResponse response;
        for (v1::StoredAuditRecord& record : page.records)
          *response.add_records() = std::move(record);
        response.set_tree_size(page.tree_size);
        return response;
      });
}

void AuditHandlers::ListAuditCheckpoints(Call<v1::ListAuditCheckpointsRequest> call,
                                         Respond<v1::ListAuditCheckpointsResponse> respond) {
  gate_.EnterBlocking<Procedure::kListAuditCheckpoints, v1::ListAuditCheckpointsRequest,
                      v1::ListAuditCheckpointsResponse>(
      std::move(call), std::move(respond),
      [this](const auto&, const v1::ListAuditCheckpointsRequest& request,
             auto&) -> Result<v1::ListAuditCheckpointsResponse> {
        TWINSEAL_ASSIGN_OR_RETURN(
            audit::CheckpointPage page,
            log_.ListCheckpoints(request.first_tree_size(), request.page_size()));
        TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey key, key_.Public());
        v1::ListAuditCheckpointsResponse response;
        for (v1::AuditCheckpoint& checkpoint : page.checkpoints)
          *response.add_checkpoints() = std::move(checkpoint);
        response.set_more(page.more);
        response.set_public_key_pem(key.Pem());
        return response;
      });
}

}  // namespace twinseal::service
