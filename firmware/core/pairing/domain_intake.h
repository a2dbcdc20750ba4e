// The joiner's side: a site takes the domain that another gives it.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "firmware/core/pairing/proofs.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// Unwraps domain KEK and binding key under the transport key, onto the token with the attributes
// that set-up gives them, destroys the transport key and answers with this site's proof.
//
// They are unwrapped as session objects first, and come onto the token only when the holder's proof
// holds: whenever the process ends, what the token has of a domain is the holder's. Idempotent:
// once it has worked it may be asked again with what the holder gave, and finishes what was
// interrupted.
//
// data_loss, with the token as it was, when the keys were not wrapped for this token's transport
// key or the proof is wrong; failed_precondition when the appliance is not set up (kNotSetUp), has
// no transport key or has another domain.
Result<Bytes> TakeDomain(hsm::Session& session, const DomainInTransit& domain,
                         BytesView holder_proof);

}  // namespace twinseal::core
