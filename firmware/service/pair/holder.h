// The pairing ceremony at the site that has the domain.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/ledger/ledger.h"
#include "firmware/audit/audit_log.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/operator_ca/operator_ca.h"
#include "firmware/service/pair/ledger_ca.h"
#include "firmware/service/pair/pair_file.h"
#include "firmware/service/pair/transcript.h"
#include "twinseal/v1/pair.pb.h"

namespace twinseal::service {

// What it stands on; all of it outlives the holder.
struct HolderParts {
  PairFile& file;
  Core& core;
  ledger::Ledger& ledger;
  KeyDirectory& directory;
  KeyStore& store;
  OperatorCa& operator_ca;
  LedgerCa& ledger_ca;
  audit::AuditLog& audit;
  v1::Place place;                // This site's, without its identity.
  std::function<void()> restart;  // Finishes what was accepted and starts in the new state.
  // In a pair: as Membership has them; follows the record that has changed.
  std::function<Result<std::vector<std::uint64_t>>(const v1::Place& place)> find_lost;
  std::function<Status(const std::vector<std::uint64_t>& lost, const std::string& peer_address,
                       Deadline deadline)>
      replace_members;
  std::function<Status()> changed;
};

// Thread-safe: one step at a time. Every step is durable before it is answered, and may be
// repeated. failed_precondition when another step is due, and which. Blocks.
class Holder {
 public:
  explicit Holder(HolderParts parts) : parts_(std::move(parts)) {}

  Result<v1::BeginPairingResponse> Begin(const v1::BeginPairingRequest& request, Deadline deadline);
  Result<v1::AgreePairingResponse> Agree(const v1::AgreePairingRequest& request, Deadline deadline);
  Result<v1::ReleaseDomainResponse> Release(const v1::ReleaseDomainRequest& request,
                                            Deadline deadline);
  Result<v1::ConcludePairingResponse> Conclude(const v1::ConcludePairingRequest& request,
                                               Deadline deadline);
  // Forgets a ceremony that is not concluded, and says so under its signature, for a joiner that
  // has accepted the domain.
  Result<v1::AbortPairingResponse> Abort(const v1::AbortPairingRequest& request, Deadline deadline);

 private:
  // The ceremony under way: the appliance's own state while it is alone, or the replacement of a
  // lost site.
  v1::PairState Ceremony() const;
  Status ChangeCeremony(const std::function<void(v1::PairState&)>& change);
  Result<std::optional<v1::BeginPairingResponse>> BegunBefore(
      const v1::BeginPairingRequest& request, const std::string& hash) const;
  Result<v1::PairingTranscript> Draft(const v1::BeginPairingRequest& request) const;
  Result<v1::PairConfig> Agreed(const v1::PairingTranscript& transcript) const;
  Status LetIn(const v1::PairConfig& config, const std::string& name, Deadline deadline);
  Status ReplaceMember(const v1::Place& place, Deadline deadline);
  AskCore Asking(Deadline deadline);
  Status MakeLedgerCa(Deadline deadline);
  Result<v1::PairingTranscript> Expect(v1::PairState::Phase phase, const std::string& pairing_id);
  Result<v1::DomainRelease> WrapDomain(const v1::PairingTranscript& transcript,
                                       const std::string& body, const AskCore& core);
  Result<v1::OwnKeyCopy> CopyOwnKey(std::string_view name);

  const HolderParts parts_;
  Mutex mutex_;
};

// The pair that a transcript agrees on.
v1::PairConfig ConfigOf(const v1::PairingTranscript& transcript);

// For both audit logs: the transcript with both signatures, and what it says.
std::string DescribePairing(const v1::PairState& state);

}  // namespace twinseal::service
