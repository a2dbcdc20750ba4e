// The holder's side: a site that has the domain gives it to another.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

struct WrappedDomain {
  Bytes domain_kek;
  Bytes binding_key;
  Bytes holder_proof;
};

// Wraps domain KEK and binding key inside the HSM under the joiner's transport key, and proves with
// the binding key that they belong to this transcript. Whether the key is the joiner's is for the
// caller, and the operators who compared the ceremony's code, to know. invalid_argument for a key
// that is no transport key; unimplemented, naming the mechanism, when the token cannot do it.
Result<WrappedDomain> WrapDomain(hsm::Session& session, BytesView transport_public_key_der,
                                 BytesView transcript);

// data_loss unless the proof is one of a site that has this domain's binding key.
Status ProveDomain(hsm::Session& session, BytesView transcript, BytesView joiner_proof);

}  // namespace twinseal::core
