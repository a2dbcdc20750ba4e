// The pairing ceremony at the site that takes the domain over.
#pragma once

#include <functional>
#include <string>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "firmware/service/pair/pair_file.h"
#include "firmware/service/pair/transcript.h"
#include "twinseal/v1/pair.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::service {

// Thread-safe: one step at a time, each durable before it is answered, and repeatable. Whoever
// calls is not known and need not be: nothing happens that the operator at this site's console has
// not confirmed. Blocks.
class Joiner {
 public:
  // `core` is a core that was started for set-up. `place` is this site's, without its identity.
  Joiner(PairFile& file, AskCore core, v1::Place place, std::function<void()> restart)
      : file_(file),
        core_(std::move(core)),
        place_(std::move(place)),
        restart_(std::move(restart)) {}

  Result<v1::AnswerPairingResponse> Answer(const v1::AnswerPairingRequest& request);
  Result<v1::AcceptDomainResponse> Accept(const v1::AcceptDomainRequest& request);
  Status Abort(const v1::AbortPairingRequest& request);
  // Takes a domain off the token whose ceremony was abandoned. Idempotent.
  Status GiveBack();
  Result<v1::GetPairResponse> Describe();

 private:
  Status DropDomain() TWINSEAL_REQUIRES(mutex_);
  Result<v1::PairingTranscript> CheckOffer(const v1::SignedMessage& offer) const;

  PairFile& file_;
  const AskCore core_;
  const v1::Place place_;
  const std::function<void()> restart_;
  Mutex mutex_;
};

// Notes at a site that has accepted that the holder has forgotten the ceremony, on the holder's
// word alone. Afterwards the process starts again and gives the domain back. failed_precondition
// without that word, or for another ceremony.
Status Abandon(PairFile& file, const v1::AbortPairingRequest& request);

// Accept again, at a site that has accepted already: the same release gets the same answer.
Result<v1::AcceptDomainResponse> RepeatAccept(const v1::PairState& state,
                                              const v1::AcceptDomainRequest& request);

}  // namespace twinseal::service
