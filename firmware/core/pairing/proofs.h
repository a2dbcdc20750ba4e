// The MACs by which two sites show each other that they have the domain's keys: HMAC-SHA-256 by the
// binding key, in the HSM. Each says who made it, so that neither can be sent back as the other.
#pragma once

#include <cstddef>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// A transcript names three places and a key: some hundred bytes.
inline constexpr std::size_t kMaxTranscriptBytes = std::size_t{64} * 1024;

// The domain's keys on their way from the holder's HSM to the joiner's. Borrowed.
struct DomainInTransit {
  BytesView wrapped_domain_kek;
  BytesView wrapped_binding_key;
  BytesView transcript;  // Of the ceremony; as it was signed.
};

// invalid_argument, naming the request's field, for a transcript that is empty or too long.
Status CheckTranscript(std::string_view field, BytesView transcript);

// Over "twinseal pairing holder", NUL, SHA-256 of the one wrapped key, SHA-256 of the other, and
// the transcript. With the wrapped keys in it nobody can exchange the domain KEK on its way, of
// which the binding key alone would say nothing.
Result<Bytes> HolderProof(hsm::Session& session, hsm::Object binding_key,
                          const DomainInTransit& domain);
// data_loss when it is wrong. Compared in constant time.
Status CheckHolderProof(hsm::Session& session, hsm::Object binding_key,
                        const DomainInTransit& domain, BytesView proof);

// Over "twinseal pairing joiner", NUL and the transcript.
Result<Bytes> JoinerProof(hsm::Session& session, hsm::Object binding_key, BytesView transcript);
// data_loss when it is wrong. Compared in constant time.
Status CheckJoinerProof(hsm::Session& session, hsm::Object binding_key, BytesView transcript,
                        BytesView proof);

}  // namespace twinseal::core
