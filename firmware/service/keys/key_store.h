// Making and changing keys: the ledger is told first, then the signing core, then the caller.
//
// What is acknowledged survives the end of any process at any moment. A change is one ledger
// transaction that also holds the answer (under the request's id) and a mark that the core does not
// know it yet; the mark goes when the core has taken the change in. Whoever finds a mark later, a
// repeated request or the next start, finishes the work.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/ledger/ledger.h"
#include "firmware/policy/authorize.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/keys/barrier.h"
#include "firmware/service/keys/key_directory.h"
#include "firmware/service/keys/reads.h"
#include "firmware/service/keys/request_log.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

// Milliseconds since 1970.
using WallClock = std::function<std::int64_t()>;
std::int64_t SystemMilliseconds();

// Thread-safe. Every call blocks on ledger and core; none is for a reactor's thread.
class KeyStore {
 public:
  using MayChange = policy::AuthorizedKey<policy::KeyAction::kChange>;
  // One of transitions.h.
  using Transition = std::function<Result<v1::Key>(v1::Key)>;

  KeyStore(ledger::Ledger& ledger, Core& core, KeyDirectory& directory, Barrier& barrier,
           SiteName site, WallClock clock);

  // already_exists when the name is taken, also by a destroyed key; invalid_argument names the
  // field.
  Result<v1::Key> Create(const Mutation& mutation, const v1::CreateKeyRequest& request);
  // A key of the appliance's own ("twinseal.operator-ca"), as at set-up.
  Result<v1::Key> CreateOwn(const Mutation& mutation, const KeyName& name, v1::Algorithm algorithm);
  Result<v1::Key> Rotate(const Mutation& mutation, const MayChange& key);
  Result<v1::Key> Change(const Mutation& mutation, const MayChange& key,
                         const Transition& transition);

  // The whole record, with its versions: as the ledger has it, or, when that cannot be reached, as
  // this site knows it and may act on it; unavailable when it may not. not_found when there is
  // none.
  Result<v1::Key> Read(const KeyId& key);
  // unavailable, saying where to go, while this site does not hear of changes. Quick.
  Status InReach() const { return barrier_.MayChange(); }

  // Gives the core what the ledger has of this key: for one that answered that it does not know the
  // newest revision.
  Status Deliver(const KeyId& key, Deadline deadline);
  // Takes another site's change of this key in: delivers it to a core that has the key as it was
  // before, and settles what was marked. A core that does not have it is told when it is used.
  Status Follow(const KeyId& key, Deadline deadline);
  // Finishes what an earlier end interrupted. `finished` is told of each such key before that is
  // forgotten; when it fails, it is told again the next time. Returns how many keys are still
  // waiting, the core being unavailable.
  using Finished = std::function<Status(const v1::Key&)>;
  Result<std::size_t> SettleAll(Deadline deadline, const Finished& finished);

  // Destroys the key if it is due. Nothing when it is not any more.
  Result<std::optional<v1::Key>> DestroyIfDue(const KeyId& key, Deadline deadline);

  const SiteName& site() const { return site_; }

 private:
  struct Stored {
    v1::Key key;
    ledger::Revision modified;
  };
  using From = Reads::From;
  struct Proposal {
    KeyId id;
    v1::Key before;
    v1::Key after;
    Bytes blob;  // The newest version's; empty when the key is destroyed.
    ledger::Transaction transaction;
    ledger::Revision before_recorded{};
  };

  From Source(int attempt) const;
  Result<std::optional<v1::Key>> Replay(const Mutation& mutation, Reads& reads);
  // Makes a change from what is there; nothing when somebody else was quicker and it is to be tried
  // again.
  using Attempt = std::function<Result<std::optional<v1::Key>>(Reads& reads)>;
  // Gives the answer that the request was given before, or makes the change, which will read these
  // paths.
  Result<v1::Key> MakeOnce(const Mutation& mutation, std::vector<std::string> paths,
                           const Attempt& attempt);
  Result<v1::Key> AnswerOrRefusal(const Mutation& mutation, From from, const Error& refusal);
  Result<v1::Key> CreateValid(const Mutation& mutation, const KeyName& name,
                              const v1::CreateKeyRequest& request);
  // These are attempts.
  Result<std::optional<v1::Key>> TryCreate(const Mutation& mutation, const v1::Key& draft);
  Result<std::optional<v1::Key>> TryRotate(const Mutation& mutation, const KeyId& id, Reads& reads);
  Result<std::optional<v1::Key>> TryChange(const Mutation* mutation, const KeyId& id,
                                           const Transition& transition, Deadline deadline,
                                           Reads& reads);
  void RememberOlderRule(const Stored& before, v1::Key& after) const;
  Result<std::optional<v1::Key>> RecordNoChange(const Mutation* mutation, const Stored& stored,
                                                Deadline deadline);
  Reads Nearby() { return {ledger_, From::kNearby}; }
  Reads AtLedger() { return {ledger_, From::kLedger}; }
  // Its record and the blob of what this site knows to be its version.
  std::vector<std::string> PathsOf(const KeyId& id) const;
  static Result<Stored> Load(const KeyId& id, Reads& reads);
  // What was read ahead, unless this site has changed it since.
  Result<Stored> LoadNewest(const KeyId& id, Reads& reads);
  static Result<Bytes> LoadBlob(const KeyId& id, std::uint32_t version, Reads& reads);
  // Whether the core has nothing of the key that the view knows to be out of date.
  Result<bool> CoreIsLevel(const KeyId& id, Deadline deadline);
  Status DeliverRecord(const KeyId& id, const v1::Key& key, Reads& reads, Deadline deadline);
  Status Settle(const KeyId& id, Deadline deadline, const Finished& finished = nullptr);
  // Commits, tells the local view, then the core, and waits for the other sites: the key as it is
  // to be answered. Nothing when a guard did not hold.
  Result<std::optional<v1::Key>> CommitAndSettle(Proposal proposal, const Mutation* mutation,
                                                 Deadline deadline);
  void MarkPending(Proposal& proposal) const;
  Status TellCore(const Proposal& proposal, Deadline deadline);
  bool NeedsMark(const Proposal& proposal) const;
  void AwaitSites(const Barrier::Terms& terms, const v1::Key& before, ledger::Revision revision,
                  v1::Key& answer);
  Mutex& Stripe(const KeyId& id);

  ledger::Ledger& ledger_;
  Core& core_;
  KeyDirectory& directory_;
  Barrier& barrier_;
  const SiteName site_;
  const WallClock clock_;
  // One change of a key at a time, so that its core hears of them in their order.
  std::array<Mutex, 64> stripes_;
};

}  // namespace twinseal::service
