// The requests of pairing, of the appliance's identity and of what the domain derives: from the
// wire to firmware/core/pairing and back.
#pragma once

#include <filesystem>

#include "common/base/result.h"
#include "hsm/pkcs11/session.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::core {

// Those that a core takes which serves: sign_as_identity, wrap_domain, prove_domain, derive_secret.
// The session is ready.
Status AnswerServing(hsm::Session& session, const v1::CoreRequest& request,
                     v1::CoreResponse& response);

// Those that a core takes which was started for set-up, but for initialize: sign_as_identity,
// make_transport_key, take_domain, drop_domain.
bool IsOfSetUp(const v1::CoreRequest& request);
// The session is ready.
Status AnswerSetUp(hsm::Session& session, const std::filesystem::path& vault_folder,
                   const v1::CoreRequest& request, v1::CoreResponse& response);

}  // namespace twinseal::core
