#include "firmware/service/pair/transcript.h"

#include <utility>

#include <fmt/format.h>

#include "common/base/big_endian.h"
#include "common/base/bytes.h"
#include "common/base/types.h"
#include "common/crypto/digest.h"
#include "common/crypto/public_key.h"

namespace twinseal::service {
namespace {

constexpr std::size_t kNonceSize = 32;

crypto::Sha256Digest DigestOf(std::string_view purpose, std::string_view body) {
  std::string text = "twinseal pairing ";
  text += purpose;
  text += '\0';
  text += body;
  return crypto::Sha256(AsBytes(text));
}

}  // namespace

Result<v1::SignedMessage> SignAsIdentity(const AskCore& core, std::string_view purpose,
                                         std::string body) {
  const crypto::Sha256Digest digest = DigestOf(purpose, body);
  v1::CoreRequest request;
  request.mutable_sign_as_identity()->set_sha256(ToString(digest));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response, core(std::move(request)));
  v1::SignedMessage message;
  message.set_body(std::move(body));
  message.set_signature(response.sign_as_identity().signature());
  return message;
}

Result<std::string> IdentityOf(const AskCore& core) {
  v1::CoreRequest request;
  request.mutable_sign_as_identity()->set_sha256(ToString(DigestOf("identity", "")));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse response, core(std::move(request)));
  return response.sign_as_identity().identity_public_key_der();
}

Status CheckSigned(const v1::SignedMessage& message, std::string_view purpose,
                   std::string_view identity_der) {
  const Result<crypto::PublicKey> identity = crypto::PublicKey::FromDer(AsBytes(identity_der));
  if (!identity.ok()) return identity.error().Within("the identity key cannot be read");
  const crypto::Sha256Digest digest = DigestOf(purpose, message.body());
  if (identity->Verify(v1::ECDSA_SHA256, digest, AsBytes(message.signature())).ok()) return Ok();
  return Error(Code::kPermissionDenied,
               fmt::format("the pairing's {} was not signed by the appliance that it names; "
                           "somebody may be in between",
                           purpose));
}

Result<v1::PairingTranscript> ReadTranscript(std::string_view body) {
  v1::PairingTranscript transcript;
  if (!transcript.ParseFromArray(body.data(), static_cast<int>(body.size())) ||
      !KeyId::FromHex(transcript.pairing_id()).ok() ||
      transcript.holder_nonce().size() != kNonceSize ||
      !SiteName::Parse(transcript.holder().name()).ok() ||
      !SiteName::Parse(transcript.joiner().name()).ok() ||
      !SiteName::Parse(transcript.witness().name()).ok()) {
    return Error(Code::kInvalidArgument, "this is no transcript of a pairing");
  }
  return transcript;
}

std::string PairingIdOf(const v1::PairState& state) {
  v1::PairingTranscript transcript;
  return transcript.ParseFromString(state.answer().body()) ? transcript.pairing_id() : "";
}

std::string PairingCode(std::string_view transcript) {
  constexpr std::size_t kGroups = 6;
  constexpr std::uint32_t kGroupSize = 100'000;
  const crypto::Sha256Digest digest = crypto::Sha256(AsBytes(transcript));
  std::string code;
  for (std::size_t group = 0; group < kGroups; ++group) {
    // Five bytes a group, of 32 that there are: 40 bits for 16.6.
    const auto number = ReadBigEndian<std::uint64_t>(BytesView(digest).subspan(group * 5, 5));
    code += fmt::format("{}{:05}", group == 0 ? "" : " ", number % kGroupSize);
  }
  return code;
}

std::string FingerprintOf(std::string_view public_key_der) {
  return HexEncode(crypto::Sha256(AsBytes(public_key_der)));
}

std::string RandomId() { return KeyId::Random().Hex(); }

std::string RandomNonce() {
  return ToString(KeyId::Random().bytes()) + ToString(KeyId::Random().bytes());
}

}  // namespace twinseal::service
