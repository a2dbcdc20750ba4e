// AuditService.
#pragma once

#include "firmware/audit/audit_log.h"
#include "firmware/service/handlers/gate.h"
#include "firmware/service/keys/own_key.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::service {

// Thread-safe; no call blocks.
class AuditHandlers {
 public:
  AuditHandlers(Gate& gate, audit::AuditLog& log, OwnKey& key)
      : gate_(gate), log_(log), key_(key) {}

  void ListAuditRecords(Call<v1::ListAuditRecordsRequest> call,
                        Respond<v1::ListAuditRecordsResponse> respond);
  void ListAuditCheckpoints(Call<v1::ListAuditCheckpointsRequest> call,
                            Respond<v1::ListAuditCheckpointsResponse> respond);

 private:
  Gate& gate_;
  audit::AuditLog& log_;
  OwnKey& key_;
};

}  // namespace twinseal::service
