#include "firmware/core/pairing/proofs.h"

#include <string_view>

#include <fmt/format.h>

#include "common/crypto/digest.h"
#include "firmware/core/keys/binding.h"

namespace twinseal::core {
namespace {

// With the NUL at their end.
constexpr std::string_view kHolder("twinseal pairing holder\0", 24);
constexpr std::string_view kJoiner("twinseal pairing joiner\0", 24);

void Append(Bytes& bytes, BytesView more) { bytes.insert(bytes.end(), more.begin(), more.end()); }

Bytes HolderStatement(const DomainInTransit& domain) {
  Bytes statement = ToBytes(kHolder);
  Append(statement, crypto::Sha256(domain.wrapped_domain_kek));
  Append(statement, crypto::Sha256(domain.wrapped_binding_key));
  Append(statement, domain.transcript);
  return statement;
}

Bytes JoinerStatement(BytesView transcript) {
  Bytes statement = ToBytes(kJoiner);
  Append(statement, transcript);
  return statement;
}

// `VerifyMac` makes the MAC anew and compares in constant time.
Status Check(hsm::Session& session, hsm::Object binding_key, const Bytes& statement,
             BytesView proof, std::string_view when_wrong) {
  Status checked =
      session.VerifyMac(hsm::Mechanism(CKM_SHA256_HMAC), binding_key, statement, proof);
  if (checked.ok() || checked.error().code() != Code::kDataLoss) return checked;
  return Error(Code::kDataLoss, std::string(when_wrong));
}

}  // namespace

Status CheckTranscript(std::string_view field, BytesView transcript) {
  if (!transcript.empty() && transcript.size() <= kMaxTranscriptBytes) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("{}: a ceremony's transcript has 1 to {} bytes, this has {}", field,
                           kMaxTranscriptBytes, transcript.size()));
}

Result<Bytes> HolderProof(hsm::Session& session, hsm::Object binding_key,
                          const DomainInTransit& domain) {
  return Hmac(session, binding_key, HolderStatement(domain));
}

Status CheckHolderProof(hsm::Session& session, hsm::Object binding_key,
                        const DomainInTransit& domain, BytesView proof) {
  return Check(session, binding_key, HolderStatement(domain), proof,
               "the holder's proof does not fit the keys and the transcript that came with it: "
               "they were changed on their way, or are of another ceremony; begin the pairing "
               "anew");
}

Result<Bytes> JoinerProof(hsm::Session& session, hsm::Object binding_key, BytesView transcript) {
  return Hmac(session, binding_key, JoinerStatement(transcript));
}

Status CheckJoinerProof(hsm::Session& session, hsm::Object binding_key, BytesView transcript,
                        BytesView proof) {
  return Check(session, binding_key, JoinerStatement(transcript), proof,
               "the joiner's proof is wrong: it does not have this domain's keys, or means another "
               "ceremony; begin the pairing anew");
}

}  // namespace twinseal::core
