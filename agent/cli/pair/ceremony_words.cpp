#include "agent/cli/pair/ceremony_words.h"

#include <fmt/format.h>

#include "agent/cli/text.h"
#include "common/base/bytes.h"
#include "common/crypto/digest.h"

namespace twinseal::cli {

std::string IdentityFingerprint(const v1::Place& place) {
  return HexEncode(crypto::Sha256(AsBytes(place.identity_public_key_der())));
}

Result<v1::PairingTranscript> TranscriptOf(const v1::SignedMessage& message) {
  v1::PairingTranscript transcript;
  if (message.body().empty() || !transcript.ParseFromString(message.body())) {
    return Error(Code::kDataLoss,
                 "the site's message cannot be read; are the site and this program of the same "
                 "release?");
  }
  return transcript;
}

void TellCode(std::ostream& out, const v1::CeremonyState& state,
              const v1::PairingTranscript& transcript, const std::string& within) {
  const std::string holder = Printable(state.holder());
  const std::string joiner = Printable(state.joiner());
  out << fmt::format(
      "Site {0} gives its domain to site {1}{2}; the witness is {3}.\n"
      "\n"
      "  Code: {4}\n"
      "  Identity of site {0}: {5}\n"
      "  Identity of site {1}: {6}\n"
      "\n",
      holder, joiner, state.replaces().empty() ? "" : ", which takes the lost one's place for ever",
      Printable(transcript.witness().name()), Printable(state.code()),
      IdentityFingerprint(transcript.holder()), IdentityFingerprint(transcript.joiner()));
  out << fmt::format(
             "Within {}, an operator at each of the two consoles runs\n"
             "  twinseal pair confirm --config /etc/twinseal/twinseald.conf\n"
             "compares the fingerprints with those noted at set-up and the code with this one, "
             "and\n"
             "says yes. Interrupted, the same command goes on; `twinseal pair abort` undoes it.\n",
             within)
      << std::flush;
}

}  // namespace twinseal::cli
