// Certificates for people and programs, once for each request.
#pragma once

#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/operator_ca/operator_ca.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::service {

// The same request id gives the same certificate again. invalid_argument names the field that is
// wrong. Blocks.
Result<v1::IssueClientCertificateResponse> IssueClientCertificate(
    OperatorCa& ca, ledger::Ledger& ledger, const Mutation& mutation,
    const v1::IssueClientCertificateRequest& request, std::int64_t now_unix_ms);

}  // namespace twinseal::service
