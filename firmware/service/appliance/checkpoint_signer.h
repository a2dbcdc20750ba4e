#pragma once

#include "firmware/audit/audit_log.h"
#include "firmware/service/keys/own_key.h"

namespace twinseal::service {

// Signs checkpoints with the site's audit key, which outlives the signer.
audit::CheckpointSigner MakeCheckpointSigner(OwnKey& key);

}  // namespace twinseal::service
