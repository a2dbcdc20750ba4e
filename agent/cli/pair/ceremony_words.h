// What a ceremony tells people.
#pragma once

#include <ostream>
#include <string>

#include "common/base/result.h"
#include "twinseal/v1/pair.pb.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::cli {

// SHA-256 of the identity key, in hexadecimal, as `twinseal appliance init` prints it.
std::string IdentityFingerprint(const v1::Place& place);

// The transcript that a signed message holds; data_loss when it is none.
Result<v1::PairingTranscript> TranscriptOf(const v1::SignedMessage& message);

// Code, fingerprints, and what the operator at each console has to do within that time.
void TellCode(std::ostream& out, const v1::CeremonyState& state,
              const v1::PairingTranscript& transcript, const std::string& within);

}  // namespace twinseal::cli
