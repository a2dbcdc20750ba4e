#include "firmware/service/keys/key_store.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/crypto/algorithms.h"
#include "firmware/policy/key_policy.h"
#include "firmware/service/keys/layout.h"
#include "firmware/service/keys/older_rule.h"
#include "firmware/service/keys/transitions.h"

namespace twinseal::service {
namespace {

// A guard fails when someone else was quicker; more often than this in a row is a fault.
constexpr int kMaxAttempts = 8;

Bytes Serialized(const v1::Key& key) { return ToBytes(key.SerializeAsString()); }

v1::KeyHeader HeaderOf(const v1::Key& key, const KeyId& id) {
  v1::KeyHeader header;
  header.set_key_id(ToString(id.bytes()));
  header.set_version(key.current_version());
  header.set_revision(key.revision());
  header.set_algorithm(key.algorithm());
  header.set_storage(key.storage());
  header.set_state(key.state());
  *header.mutable_policy() = key.policy();
  return header;
}

void AddVersion(v1::Key& key, const std::string& public_key_der, std::int64_t now) {
  v1::KeyVersionInfo& version = *key.add_versions();
  version.set_version(key.current_version());
  version.set_public_key_der(public_key_der);
  version.set_created_unix_ms(now);
}

void PutKey(ledger::Transaction& transaction, const KeyId& id, const v1::Key& key) {
  transaction.writes.push_back(ledger::Put{KeyPath(id), Serialized(key)});
}

// What a key may have been like before a change whose record is all that is left: enabled, and
// under the policies that the record remembers.
v1::Key BeforeChange(v1::Key key) {
  if (key.revision() == 1) return {};
  key.set_state(v1::ENABLED);
  return key;
}

// Who has not heard of the record may act by anything before it.
Barrier::Terms TermsOfRecord(ledger::Revision recorded) { return {{}, recorded}; }

Error NoKey(const KeyId& id) {
  return Error(Code::kNotFound, fmt::format("there is no key with the id {}", id.Hex()));
}

Result<v1::Key> ParseKey(const KeyId& id, const ledger::Entry& entry) {
  v1::Key key;
  if (key.ParseFromArray(entry.value.data(), static_cast<int>(entry.value.size()))) return key;
  return Error(Code::kDataLoss, fmt::format("the ledger's record of key {} is damaged", id.Hex()));
}

Error Contended() {
  return Error(Code::kAborted, "the key is being changed by others all the time; try again");
}

Status CheckSite(const v1::KeyPolicy& policy, const SiteName& site) {
  if (policy::AllowsSite(policy, site)) return Ok();
  return Error(Code::kInvalidArgument,
               fmt::format("policy.sites does not name this site, '{}'; a key is made and changed "
                           "at a site that holds it",
                           site.text()));
}

// The draft of a new key, from a request whose name was looked at already.
Result<v1::Key> Draft(const KeyName& name, const v1::CreateKeyRequest& request, const KeyId& id,
                      std::int64_t now) {
  if (crypto::Find(request.algorithm()) == nullptr) {
    return Error(Code::kInvalidArgument,
                 "algorithm is needed: one of EC_P256, EC_P384, EC_P521, RSA_2048, RSA_3072, "
                 "RSA_4096 and ED25519");
  }
  v1::Storage storage = request.storage();
  if (storage == v1::STORAGE_UNSPECIFIED) storage = v1::VAULT;
  if (storage != v1::VAULT && storage != v1::TOKEN) {
    return Error(Code::kInvalidArgument, "storage is VAULT or TOKEN");
  }
  TWINSEAL_ASSIGN_OR_RETURN(v1::KeyPolicy policy,
                            policy::ValidatePolicy(request.policy(), request.algorithm(), storage));
  v1::Key key;
  key.set_key_id(id.Hex());
  key.set_name(name.text());
  key.set_algorithm(request.algorithm());
  key.set_storage(storage);
  key.set_state(v1::ENABLED);
  key.set_current_version(1);
  *key.mutable_policy() = std::move(policy);
  key.set_revision(1);
  key.set_created_unix_ms(now);
  return key;
}

}  // namespace

std::int64_t SystemMilliseconds() {
  using std::chrono::system_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             system_clock::now().time_since_epoch())
      .count();
}

KeyStore::KeyStore(ledger::Ledger& ledger, Core& core, KeyDirectory& directory, Barrier& barrier,
                   SiteName site, WallClock clock)
    : ledger_(ledger),
      core_(core),
      directory_(directory),
      barrier_(barrier),
      site_(std::move(site)),
      clock_(std::move(clock)) {}

Mutex& KeyStore::Stripe(const KeyId& id) {
  return stripes_[std::hash<KeyId>{}(id) % stripes_.size()];
}

Result<v1::Key> KeyStore::Create(const Mutation& mutation, const v1::CreateKeyRequest& request) {
  TWINSEAL_RETURN_IF_ERROR(barrier_.MayChange());
  TWINSEAL_ASSIGN_OR_RETURN(const KeyName name, policy::NewKeyName(request.name()));
  if (LooksLikeKeyId(name.text())) {
    return Error(Code::kInvalidArgument,
                 "name looks like a key id, 32 hexadecimal digits; choose another");
  }
  return CreateValid(mutation, name, request);
}

Result<v1::Key> KeyStore::CreateOwn(const Mutation& mutation, const KeyName& name,
                                    v1::Algorithm algorithm) {
  v1::CreateKeyRequest request;
  request.set_name(name.text());
  request.set_algorithm(algorithm);
  return CreateValid(mutation, name, request);
}

Result<v1::Key> KeyStore::CreateValid(const Mutation& mutation, const KeyName& name,
                                      const v1::CreateKeyRequest& request) {
  const std::string name_path = NamePath(name.text());
  return MakeOnce(mutation, {name_path}, [&](Reads& reads) -> Result<std::optional<v1::Key>> {
    TWINSEAL_ASSIGN_OR_RETURN(const v1::Key draft, Draft(name, request, KeyId::Random(), clock_()));
    TWINSEAL_RETURN_IF_ERROR(CheckSite(draft.policy(), site_));
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> taken, reads.Get(name_path));
    if (!taken) return TryCreate(mutation, draft);
    return Error(Code::kAlreadyExists, fmt::format("there is a key named '{}' already (names of "
                                                   "destroyed keys are not used again); choose "
                                                   "another name",
                                                   name.text()));
  });
}

Result<v1::Key> KeyStore::MakeOnce(const Mutation& mutation, std::vector<std::string> paths,
                                   const Attempt& attempt) {
  paths.insert(paths.begin(), RequestPath(mutation.request));
  for (int number = 0; number < kMaxAttempts; ++number) {
    Reads reads(ledger_, Source(number));
    TWINSEAL_RETURN_IF_ERROR(reads.Ahead(paths));
    TWINSEAL_ASSIGN_OR_RETURN(std::optional<v1::Key> before, Replay(mutation, reads));
    if (before) return *std::move(before);
    Result<std::optional<v1::Key>> made = attempt(reads);
    if (!made.ok()) return AnswerOrRefusal(mutation, reads.from(), made.error());
    if (*made) return **std::move(made);
    barrier_.Missed();
  }
  return Contended();
}

// What stands in a request's way may be its own work, done through another site since its answer
// was looked for. Read after what stands in the way, the answer is there, too.
Result<v1::Key> KeyStore::AnswerOrRefusal(const Mutation& mutation, From from,
                                          const Error& refusal) {
  if (refusal.code() == Code::kUnavailable) return refusal;
  Reads reads(ledger_, from);
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<v1::Key> answer, Replay(mutation, reads));
  if (answer) return *std::move(answer);
  return refusal;
}

Result<std::optional<v1::Key>> KeyStore::TryCreate(const Mutation& mutation, const v1::Key& draft) {
  TWINSEAL_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(draft.key_id()));
  const MutexLock lock(Stripe(id));
  std::optional<ledger::Revision> marked;
  if (draft.storage() == v1::TOKEN) {
    // The key pair is on the token as soon as it is generated. Marked first, it is removed at the
    // next start if we end before the ledger has it.
    ledger::Transaction mark;
    mark.writes.push_back(ledger::Put{PendingPath(site_, id), {}});
    TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome,
                              ledger::CommitForCertain(ledger_, mark));
    marked = outcome.revision;
  }
  const auto give_up = [&] {
    if (!marked) return;
    if (const Status settled = Settle(id, mutation.deadline); !settled.ok()) {
      spdlog::warn("removing the unused key {} from the token: {}", id.Hex(),
                   settled.error().message());
    }
  };
  Result<v1::ReplicaBlob> blob = Generate(core_, HeaderOf(draft, id), mutation.deadline);
  if (!blob.ok()) {
    give_up();
    return blob.error();
  }
  v1::Key key = draft;
  AddVersion(key, blob->header().public_key_der(), clock_());
  Proposal proposal{id, {}, key, ToBytes(blob->replica_blob()), {}};
  ledger::Transaction& transaction = proposal.transaction;
  transaction.guards.push_back(ledger::Absent{NamePath(key.name())});
  PutKey(transaction, id, key);
  transaction.writes.push_back(ledger::Put{BlobPath(id, 1), proposal.blob});
  transaction.writes.push_back(ledger::Put{NamePath(key.name()), ToBytes(id.Hex())});
  Result<std::optional<v1::Key>> committed =
      CommitAndSettle(std::move(proposal), &mutation, mutation.deadline);
  if (committed.ok() && !*committed) give_up();
  return committed;
}

Result<v1::Key> KeyStore::Rotate(const Mutation& mutation, const MayChange& authorized) {
  TWINSEAL_RETURN_IF_ERROR(barrier_.MayChange());
  TWINSEAL_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(authorized.key_id()));
  return MakeOnce(mutation, {KeyPath(id)},
                  [&](Reads& reads) { return TryRotate(mutation, id, reads); });
}

Result<std::optional<v1::Key>> KeyStore::TryRotate(const Mutation& mutation, const KeyId& id,
                                                   Reads& reads) {
  const MutexLock lock(Stripe(id));
  TWINSEAL_ASSIGN_OR_RETURN(const Stored stored, LoadNewest(id, reads));
  v1::Key key = stored.key;
  TWINSEAL_RETURN_IF_ERROR(CheckRotation(key));
  key.set_current_version(key.current_version() + 1);
  key.set_revision(key.revision() + 1);
  RememberOlderRule(stored, key);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::ReplicaBlob blob,
                            Generate(core_, HeaderOf(key, id), mutation.deadline));
  AddVersion(key, blob.header().public_key_der(), clock_());
  Proposal proposal{id, stored.key, key, ToBytes(blob.replica_blob()), {}, stored.modified};
  ledger::Transaction& transaction = proposal.transaction;
  transaction.guards.push_back(ledger::UnchangedSince{KeyPath(id), stored.modified});
  PutKey(transaction, id, key);
  transaction.writes.push_back(ledger::Put{BlobPath(id, key.current_version()), proposal.blob});
  return CommitAndSettle(std::move(proposal), &mutation, mutation.deadline);
}

Result<v1::Key> KeyStore::Change(const Mutation& mutation, const MayChange& authorized,
                                 const Transition& transition) {
  TWINSEAL_RETURN_IF_ERROR(barrier_.MayChange());
  TWINSEAL_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(authorized.key_id()));
  return MakeOnce(mutation, PathsOf(id), [&](Reads& reads) {
    return TryChange(&mutation, id, transition, mutation.deadline, reads);
  });
}

Result<std::optional<v1::Key>> KeyStore::TryChange(const Mutation* mutation, const KeyId& id,
                                                   const Transition& transition, Deadline deadline,
                                                   Reads& reads) {
  const MutexLock lock(Stripe(id));
  TWINSEAL_ASSIGN_OR_RETURN(const Stored stored, LoadNewest(id, reads));
  TWINSEAL_ASSIGN_OR_RETURN(v1::Key key, transition(stored.key));
  if (key.revision() == stored.key.revision()) return RecordNoChange(mutation, stored, deadline);
  TWINSEAL_RETURN_IF_ERROR(CheckSite(key.policy(), site_));
  RememberOlderRule(stored, key);
  Proposal proposal{id, stored.key, key, {}, {}, stored.modified};
  ledger::Transaction& transaction = proposal.transaction;
  transaction.guards.push_back(ledger::UnchangedSince{KeyPath(id), stored.modified});
  PutKey(transaction, id, key);
  if (key.state() == v1::DESTROYED) {
    for (const v1::KeyVersionInfo& version : key.versions()) {
      transaction.writes.push_back(ledger::Remove{BlobPath(id, version.version())});
    }
  } else {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes blob, LoadBlob(id, key.current_version(), reads));
    const Result<v1::ReplicaBlob> revised =
        Revise(core_, blob, key.state(), key.policy(), KeyRevision(key.revision()), deadline);
    if (!revised.ok()) {
      // The core refuses a blob that does not fit the record: another site's change came between
      // the reading of the two, or before a record that was read nearby.
      Reads ledger = AtLedger();
      TWINSEAL_ASSIGN_OR_RETURN(const Stored now, Load(id, ledger));
      if (now.modified != stored.modified) return std::optional<v1::Key>();
      return revised.error();
    }
    proposal.blob = ToBytes(revised->replica_blob());
    transaction.writes.push_back(ledger::Put{BlobPath(id, key.current_version()), proposal.blob});
  }
  return CommitAndSettle(std::move(proposal), mutation, deadline);
}

void KeyStore::RememberOlderRule(const Stored& before, v1::Key& after) const {
  if (barrier_.OtherSites().empty()) return after.clear_older_rule();
  KeepOlderRule(before.key, barrier_.AllHave(before.modified), after);
}

// There is nothing to change; the answer is recorded all the same, so that it stays the answer.
Result<std::optional<v1::Key>> KeyStore::RecordNoChange(const Mutation* mutation,
                                                        const Stored& stored, Deadline deadline) {
  std::optional<v1::Key> answer(stored.key);
  if (mutation == nullptr) return answer;
  TWINSEAL_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(answer->key_id()));
  ledger::Transaction transaction;
  transaction.guards.push_back(ledger::UnchangedSince{KeyPath(id), stored.modified});
  RecordAnswer(transaction, *mutation, Serialized(*answer), clock_());
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome,
                            ledger::CommitForCertain(ledger_, transaction));
  if (!outcome.committed) return std::optional<v1::Key>();
  TWINSEAL_RETURN_IF_ERROR(Settle(id, deadline));
  // What is acknowledged here is in force here, also before the feed tells of it.
  TWINSEAL_RETURN_IF_ERROR(directory_.Apply(stored.key, stored.modified));
  // Whoever made it so may not have waited for the other sites yet.
  AwaitSites(TermsOfRecord(stored.modified), BeforeChange(stored.key), stored.modified, *answer);
  return answer;
}

bool KeyStore::NeedsMark(const Proposal& proposal) const {
  // A site of several hears of every change by its feed, and its core when the key is used. What
  // is to be removed is remembered until it is.
  return barrier_.OtherSites().empty() || proposal.after.state() == v1::DESTROYED ||
         proposal.after.storage() == v1::TOKEN;
}

void KeyStore::MarkPending(Proposal& proposal) const {
  const Bytes revision = ToBytes(std::to_string(proposal.after.revision()));
  std::vector<ledger::Write>& writes = proposal.transaction.writes;
  writes.push_back(ledger::Put{PendingPath(site_, proposal.id), revision});
  if (proposal.after.state() != v1::DESTROYED) return;
  for (const SiteName& other : barrier_.OtherSites()) {
    writes.push_back(ledger::Put{PendingPath(other, proposal.id), revision});
  }
}

Status KeyStore::TellCore(const Proposal& proposal, Deadline deadline) {
  return NeedsMark(proposal) ? Settle(proposal.id, deadline)
                             : Install(core_, proposal.blob, deadline);
}

Result<std::optional<v1::Key>> KeyStore::CommitAndSettle(Proposal proposal,
                                                         const Mutation* mutation,
                                                         Deadline deadline) {
  v1::Key& key = proposal.after;
  if (mutation != nullptr) {
    RecordAnswer(proposal.transaction, *mutation, Serialized(key), clock_());
  }
  if (NeedsMark(proposal)) MarkPending(proposal);
  Barrier::Terms terms = barrier_.Prepare(proposal.transaction);
  terms.before_recorded = proposal.before_recorded;
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome,
                            ledger::CommitForCertain(ledger_, proposal.transaction));
  if (!outcome.committed) return std::optional<v1::Key>();
  // From here the change stands, whatever happens to us.
  TWINSEAL_RETURN_IF_ERROR(directory_.Apply(key, outcome.revision));
  if (const Status told = TellCore(proposal, deadline); !told.ok()) {
    // Never a code that says that nothing happened.
    return Error(Code::kUnavailable,
                 fmt::format("the change of '{}' is recorded, but not yet in force everywhere; "
                             "send it again with the same request_id: {}",
                             key.name(), told.error().message()));
  }
  AwaitSites(terms, proposal.before, outcome.revision, key);
  return std::optional<v1::Key>(std::move(key));
}

void KeyStore::AwaitSites(const Barrier::Terms& terms, const v1::Key& before,
                          ledger::Revision revision, v1::Key& answer) {
  for (v1::UninformedSite& site : barrier_.Await(terms, before, revision)) {
    *answer.add_uninformed_sites() = std::move(site);
  }
}

KeyStore::From KeyStore::Source(int attempt) const {
  return attempt == 0 && barrier_.NearbyIsCurrent() ? From::kNearby : From::kLedger;
}

Result<std::optional<v1::Key>> KeyStore::Replay(const Mutation& mutation, Reads& reads) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> recorded,
                            reads.Get(RequestPath(mutation.request)));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<GivenAnswer> given, ReadAnswer(recorded, mutation));
  if (!given) return std::optional<v1::Key>();
  const Bytes& answer = given->answer;
  v1::Key key;
  if (!key.ParseFromArray(answer.data(), static_cast<int>(answer.size()))) {
    return Error(Code::kDataLoss,
                 "the ledger's record of this request is damaged; use a new request_id");
  }
  TWINSEAL_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(key.key_id()));
  const MutexLock lock(Stripe(id));
  TWINSEAL_RETURN_IF_ERROR(Settle(id, mutation.deadline));
  reads.Forget();
  TWINSEAL_ASSIGN_OR_RETURN(const Stored now, Load(id, reads));
  // What is acknowledged here is in force here, also before the feed tells of it.
  TWINSEAL_RETURN_IF_ERROR(directory_.Apply(now.key, now.modified));
  // Who answered first may have ended before the other sites had heard of it. They hear of keys,
  // and not of an answer that changed none.
  const ledger::Revision changed = std::min(given->revision, now.modified);
  AwaitSites(TermsOfRecord(changed), BeforeChange(key), changed, key);
  return std::optional<v1::Key>(std::move(key));
}

std::vector<std::string> KeyStore::PathsOf(const KeyId& id) const {
  const KeyDirectory::View view = directory_.Find(id);
  if (view == nullptr) return {KeyPath(id)};
  return {KeyPath(id), BlobPath(id, view->key.current_version())};
}

Result<KeyStore::Stored> KeyStore::LoadNewest(const KeyId& id, Reads& reads) {
  Result<Stored> stored = Load(id, reads);
  const KeyDirectory::View view = directory_.Find(id);
  if (!stored.ok() || view == nullptr || view->modified <= stored->modified) return stored;
  reads.Forget();
  return Load(id, reads);
}

Result<KeyStore::Stored> KeyStore::Load(const KeyId& id, Reads& reads) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> entry, reads.Get(KeyPath(id)));
  if (!entry) return NoKey(id);
  TWINSEAL_ASSIGN_OR_RETURN(v1::Key key, ParseKey(id, *entry));
  return Stored{std::move(key), entry->modified};
}

Result<Bytes> KeyStore::LoadBlob(const KeyId& id, std::uint32_t version, Reads& reads) {
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<ledger::Entry> entry, reads.Get(BlobPath(id, version)));
  if (!entry) {
    return Error(Code::kDataLoss,
                 fmt::format("the ledger has no blob of key {} version {}", id.Hex(), version));
  }
  return std::move(entry->value);
}

Result<v1::Key> KeyStore::Read(const KeyId& id) {
  if (barrier_.NearbyIsCurrent()) {
    Reads ledger = AtLedger();
    Result<Stored> stored = Load(id, ledger);
    if (stored.ok()) return std::move(stored->key);
    if (stored.error().code() != Code::kUnavailable) return stored.error();
  }
  Reads nearby = Nearby();
  TWINSEAL_ASSIGN_OR_RETURN(Stored stored, Load(id, nearby));
  // What the key was may be told where it may be used as it was, and nowhere else.
  TWINSEAL_RETURN_IF_ERROR(barrier_.MayActOn(stored.key));
  return std::move(stored.key);
}

Status KeyStore::Deliver(const KeyId& id, Deadline deadline) {
  // Never across the WAN: what the view has heard of is nearby.
  Reads nearby = Nearby();
  TWINSEAL_RETURN_IF_ERROR(nearby.Ahead(PathsOf(id)));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> entry, nearby.Get(KeyPath(id)));
  if (!entry) {
    // This place's member may have to catch up first: what cannot be undone rests on the ledger.
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> there, ledger_.Get(KeyPath(id)));
    // A mark without a record is a token key whose creation was interrupted.
    if (!there) return Erase(core_, id, deadline);
    return NoKey(id);
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key, ParseKey(id, *entry));
  return DeliverRecord(id, key, nearby, deadline);
}

Status KeyStore::DeliverRecord(const KeyId& id, const v1::Key& key, Reads& reads,
                               Deadline deadline) {
  if (key.state() == v1::DESTROYED) {
    TWINSEAL_RETURN_IF_ERROR(Erase(core_, id, deadline));
    // The blobs are removed from the ledger; now they leave its files too.
    return ledger_.Purge();
  }
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes blob, LoadBlob(id, key.current_version(), reads));
  return Install(core_, blob, deadline);
}

Result<bool> KeyStore::CoreIsLevel(const KeyId& id, Deadline deadline) {
  const KeyDirectory::View view = directory_.Find(id);
  if (view == nullptr || view->key.state() == v1::DESTROYED) return false;
  TWINSEAL_ASSIGN_OR_RETURN(const KeyRevision seen, SeenRevision(core_, id, deadline));
  return seen == KeyRevision{0} || Number(seen) >= view->key.revision();
}

Status KeyStore::Follow(const KeyId& id, Deadline deadline) {
  // Most changes are this site's own, or of keys that nobody uses here.
  TWINSEAL_ASSIGN_OR_RETURN(const bool level, CoreIsLevel(id, deadline));
  if (level) return Ok();
  const MutexLock lock(Stripe(id));
  Reads nearby = Nearby();
  TWINSEAL_RETURN_IF_ERROR(nearby.Ahead(PathsOf(id)));
  TWINSEAL_ASSIGN_OR_RETURN(const Stored stored, Load(id, nearby));
  if (stored.key.state() == v1::DESTROYED) return Settle(id, deadline);
  // A key on another site's token, or of other sites alone, is not this core's.
  if (!policy::AllowsSite(stored.key.policy(), site_)) return Ok();
  return DeliverRecord(id, stored.key, nearby, deadline);
}

Status KeyStore::Settle(const KeyId& id, Deadline deadline, const Finished& finished) {
  const std::string path = PendingPath(site_, id);
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> mark, ledger_.GetNearby(path));
  if (!mark) return Ok();
  TWINSEAL_RETURN_IF_ERROR(Deliver(id, deadline));
  if (finished) {
    // A key on the token whose creation was never committed has a mark and no record.
    Reads nearby = Nearby();
    const Result<Stored> stored = Load(id, nearby);
    if (!stored.ok() && stored.error().code() != Code::kNotFound) return stored.error();
    if (stored.ok()) TWINSEAL_RETURN_IF_ERROR(finished(stored->key));
  }
  ledger::Transaction transaction;
  transaction.guards.push_back(ledger::UnchangedSince{path, mark->modified});
  transaction.writes.push_back(ledger::Remove{path});
  // When a newer mark has taken its place, whoever set that one settles it.
  TWINSEAL_ASSIGN_OR_RETURN([[maybe_unused]] const ledger::Outcome outcome,
                            ledger::CommitForCertain(ledger_, transaction));
  return Ok();
}

Result<std::size_t> KeyStore::SettleAll(Deadline deadline, const Finished& finished) {
  const std::string prefix = PendingPrefix(site_);
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Listing marks,
                            ledger_.List(ledger::Range::Prefix(prefix)));
  std::size_t waiting = 0;
  for (const ledger::Entry& mark : marks.entries) {
    const Result<KeyId> id = KeyId::FromHex(std::string_view(mark.key).substr(prefix.size()));
    if (!id.ok()) continue;
    const MutexLock lock(Stripe(*id));
    if (const Status settled = Settle(*id, deadline, finished); !settled.ok()) {
      spdlog::warn("telling the signing core about key {}: {}", id->Hex(),
                   settled.error().message());
      ++waiting;
    }
  }
  return waiting;
}

Result<std::optional<v1::Key>> KeyStore::DestroyIfDue(const KeyId& id, Deadline deadline) {
  TWINSEAL_RETURN_IF_ERROR(barrier_.MayChange());
  const std::int64_t now = clock_();
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key before, Read(id));
  if (before.state() != v1::PENDING_DESTRUCTION || before.destruction_unix_ms() > now) {
    return std::optional<v1::Key>();
  }
  Reads ledger = AtLedger();
  return TryChange(
      nullptr, id, [now](v1::Key key) { return Destroy(std::move(key), now); }, deadline, ledger);
}

}  // namespace twinseal::service
