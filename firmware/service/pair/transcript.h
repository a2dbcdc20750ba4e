// What the two sides of a pairing sign, and the code that their operators compare.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "twinseal/v1/core.pb.h"
#include "twinseal/v1/pair.pb.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::service {

// How the ceremony asks the signing core, whichever kind of core runs. Blocks.
using AskCore = std::function<Result<v1::CoreResponse>(v1::CoreRequest)>;

// The purposes of signed messages.
inline constexpr std::string_view kOffer = "offer";
inline constexpr std::string_view kAnswer = "answer";
inline constexpr std::string_view kAgreement = "agreement";
inline constexpr std::string_view kRelease = "release";
inline constexpr std::string_view kAbandonment = "abandonment";

// Signed by this appliance's identity key.
Result<v1::SignedMessage> SignAsIdentity(const AskCore& core, std::string_view purpose,
                                         std::string body);
// The identity key's SubjectPublicKeyInfo.
Result<std::string> IdentityOf(const AskCore& core);

// permission_denied when it was not signed, for this purpose, by the key of that
// SubjectPublicKeyInfo.
Status CheckSigned(const v1::SignedMessage& message, std::string_view purpose,
                   std::string_view identity_der);

// invalid_argument when the bytes are no transcript, or leave out what one needs.
Result<v1::PairingTranscript> ReadTranscript(std::string_view body);

// Of the ceremony by which an appliance came into its pair, or joins it; empty when there is none.
std::string PairingIdOf(const v1::PairState& state);

// What the operators compare: 30 digits in groups of five, about 100 bits of SHA-256 over the
// transcript's bytes, so that nobody finds another transcript of the same code.
std::string PairingCode(std::string_view transcript);

// SHA-256 in hexadecimal.
std::string FingerprintOf(std::string_view public_key_der);
// 32 hexadecimal digits; 32 bytes.
std::string RandomId();
std::string RandomNonce();

}  // namespace twinseal::service
