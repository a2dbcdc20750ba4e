#include "firmware/core/keys/key_engine.h"

#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "firmware/core/keys/anchor.h"
#include "firmware/core/keys/key_engine_impl.h"
#include "firmware/core/keys/key_maker.h"
#include "firmware/core/keys/token_keys.h"

namespace twinseal::core {
namespace {

// An install that activations overtake takes a higher generation and tries again; each time another
// activation has to come first within the 50 us that a binding takes.
constexpr int kInstallAttempts = 100;

// The same content except what an install may change.
bool SameKey(const KeyHeader& a, const KeyHeader& b) {
  return a.id == b.id && a.version == b.version && a.algorithm == b.algorithm &&
         a.storage == b.storage && a.public_key == b.public_key;
}

// A replica blob as it came from the ledger: form and binding hold.
Result<Blob> OpenReplica(hsm::Session& session, const DomainKeys& keys, BytesView bytes) {
  const auto refused = [](const Error& error) {
    return Error(error.code(), fmt::format("the replica blob is refused: {}", error.message()),
                 error.origin());
  };
  auto blob = DecodeBlob(bytes);
  if (!blob.ok()) return refused(blob.error());
  if (blob->kind == BlobKind::kVault) {
    return Error(Code::kInvalidArgument,
                 "the replica blob is refused: it is a vault blob, which stays at its site");
  }
  if (const Status bound = VerifyBinding(session, keys, bytes); !bound.ok()) {
    return bound.error().code() == Code::kDataLoss ? refused(bound.error()) : bound.error();
  }
  return blob;
}

}  // namespace

Error Destroyed(const KeyId& id) {
  return Error(Code::kFailedPrecondition, fmt::format("key {} is destroyed", id.Hex()));
}

KeyEngine::KeyEngine(std::unique_ptr<Vault> vault, SiteName site)
    : vault_(std::move(vault)), site_(std::move(site)), impl_(std::make_unique<Impl>(*vault_)) {}

KeyEngine::~KeyEngine() = default;

std::shared_ptr<const hsm::Capabilities> KeyEngine::capabilities() const {
  const MutexLock lock(impl_->mutex);
  return impl_->capabilities;
}

KeyEngine::Counters KeyEngine::counters() const {
  return {.activations = impl_->activations.load(), .signatures = impl_->signatures.load()};
}

Status KeyEngine::Prepare(Workbench& bench) {
  const auto ready = impl_->Begin(bench);
  return ready.ok() ? Ok() : Status(ready.error());
}

Result<KeyEngine::Impl::Ready> KeyEngine::Impl::Begin(Workbench& bench) {
  hsm::Session& session = bench.session();
  TWINSEAL_RETURN_IF_ERROR(session.Ensure());
  Ready ready;
  TWINSEAL_ASSIGN_OR_RETURN(ready.keys, FindDomainKeys(session));
  TWINSEAL_ASSIGN_OR_RETURN(ready.capabilities, Probed(session, ready.keys));
  return ready;
}

Result<std::shared_ptr<const hsm::Capabilities>> KeyEngine::Impl::Probed(hsm::Session& session,
                                                                         const DomainKeys& keys) {
  const MutexLock lock(mutex);
  if (capabilities != nullptr) return capabilities;
  TWINSEAL_ASSIGN_OR_RETURN(Secret marks_key, MarksKey(session, keys));
  TWINSEAL_RETURN_IF_ERROR(vault.Unseal(std::move(marks_key)));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<std::uint64_t> anchored, ReadAnchor(session));
  if (anchored.value_or(0) > vault.GenerationSum()) {
    return Error(
        Code::kDataLoss,
        fmt::format(
            "{} is older than the token remembers (it counts {} records, the token {}): put the "
            "newest copy back; when it is lost, delete the data object 'twinseal-vault-anchor' "
            "from the token, and the keys come back from the ledger",
            vault.path().string(), vault.GenerationSum(), *anchored));
  }
  TWINSEAL_ASSIGN_OR_RETURN(hsm::Capabilities found, hsm::Capabilities::Probe(session));
  capabilities = std::make_shared<const hsm::Capabilities>(std::move(found));
  return capabilities;
}

Error KeyEngine::Impl::Refuse(const KeyId& id, KeyVersion version, const Error& why) {
  vault.ReportDamaged(id, version, why.message());
  return Error(
      Code::kDataLoss,
      fmt::format("the vault's record of {} is refused: {}", Describe(id, version), why.message()),
      why.origin());
}

Result<std::optional<Blob>> KeyEngine::Impl::Open(hsm::Session& session, const Ready& ready,
                                                  const KeyId& id, KeyVersion version) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<VaultRecord> record, vault.Read(id, version));
  if (!record.has_value()) return std::optional<Blob>();
  const auto refuse = [&](std::string_view why) {
    return Refuse(id, version, Error(Code::kDataLoss, std::string(why)));
  };
  auto decoded = DecodeBlob(record->blob);
  if (!decoded.ok()) return Refuse(id, version, decoded.error());
  Blob& blob = decoded.value();
  if (blob.header.id != id || blob.header.version != version) {
    return refuse(
        fmt::format("it is the record of {}", Describe(blob.header.id, blob.header.version)));
  }
  if (blob.kind == BlobKind::kReplica) return refuse("it is a replica blob");
  if (const Status bound = VerifyBinding(session, ready.keys, record->blob); !bound.ok()) {
    return bound.error().code() == Code::kDataLoss ? Refuse(id, version, bound.error())
                                                   : bound.error();
  }
  if (blob.header.revision != record->marks.revision) {
    return refuse(fmt::format("it has revision {}, and revision {} was stored last",
                              Number(blob.header.revision), Number(record->marks.revision)));
  }
  if (blob.kind == BlobKind::kVault && blob.generation != record->marks.generation) {
    return refuse(fmt::format("it has generation {}, and generation {} was stored last",
                              Number(blob.generation), Number(record->marks.generation)));
  }
  return std::optional<Blob>(std::move(blob));
}

Result<ReplicaBlob> KeyEngine::Generate(Workbench& bench, const KeyHeader& header) {
  TWINSEAL_ASSIGN_OR_RETURN(const Impl::Ready ready, impl_->Begin(bench));
  if (const auto marks = vault_->FindMarks(header.id); marks.has_value()) {
    if (marks->destroyed) return Destroyed(header.id);
    if (header.version <= marks->version) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("{} exists already; the next version is {}",
                               Describe(header.id, header.version), Number(marks->version) + 1));
    }
  }
  const KeyMaker maker(bench, ready.keys, *ready.capabilities);
  TWINSEAL_ASSIGN_OR_RETURN(Blob blob, maker.Make(header));
  TWINSEAL_ASSIGN_OR_RETURN(Bytes bytes, Bind(bench.session(), ready.keys, blob));
  return ReplicaBlob{.bytes = std::move(bytes), .header = std::move(blob.header)};
}

Result<ReplicaBlob> KeyEngine::Revise(Workbench& bench, BytesView replica_blob,
                                      const Revision& revision) {
  TWINSEAL_ASSIGN_OR_RETURN(const Impl::Ready ready, impl_->Begin(bench));
  TWINSEAL_ASSIGN_OR_RETURN(Blob blob, OpenReplica(bench.session(), ready.keys, replica_blob));
  KeyHeader& header = blob.header;
  if (!v1::KeyState_IsValid(revision.state) || revision.state == v1::KEY_STATE_UNSPECIFIED) {
    return Error(Code::kInvalidArgument, "the revision's state is not known");
  }
  if (revision.policy.ByteSizeLong() > kMaxPolicy) {
    return Error(Code::kInvalidArgument,
                 fmt::format("the revision's policy is larger than {} bytes", kMaxPolicy));
  }
  if (revision.revision <= header.revision) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} has revision {} already, so {} is no new one",
                             Describe(header.id, header.version), Number(header.revision),
                             Number(revision.revision)));
  }
  if (const auto marks = vault_->FindMarks(header.id); marks.has_value()) {
    if (marks->destroyed) return Destroyed(header.id);
    if (marks->version == header.version && header.revision < marks->revision) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("the replica blob of {} has revision {}, and revision {} was seen",
                               Describe(header.id, header.version), Number(header.revision),
                               Number(marks->revision)));
    }
  }
  header.state = revision.state;
  header.policy = revision.policy;
  header.revision = revision.revision;
  TWINSEAL_ASSIGN_OR_RETURN(Bytes bytes, Bind(bench.session(), ready.keys, blob));
  return ReplicaBlob{.bytes = std::move(bytes), .header = std::move(blob.header)};
}

Status KeyEngine::Install(Workbench& bench, BytesView replica_blob) {
  TWINSEAL_ASSIGN_OR_RETURN(const Impl::Ready ready, impl_->Begin(bench));
  TWINSEAL_ASSIGN_OR_RETURN(const Blob replica,
                            OpenReplica(bench.session(), ready.keys, replica_blob));
  const KeyHeader& header = replica.header;
  const auto marks = vault_->FindMarks(header.id);
  if (marks.has_value()) {
    if (marks->destroyed) return Destroyed(header.id);
    if (header.version < marks->version) return Ok();
    if (header.revision < marks->revision) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("the replica blob of {} has revision {}, and revision {} was seen: "
                               "an older one is not taken",
                               Describe(header.id, header.version), Number(header.revision),
                               Number(marks->revision)));
    }
  }
  auto opened = impl_->Open(bench.session(), ready, header.id, header.version);
  // A damaged record is replaced by what the replica holds; anything else is the HSM's or the
  // disk's trouble.
  if (!opened.ok() && opened.error().code() != Code::kDataLoss) return opened.error();
  if (!opened.ok() || !opened->has_value()) {
    return impl_->InstallInVault(bench, ready, replica);
  }
  Blob& record = **opened;
  if (!SameKey(record.header, header)) {
    return Error(Code::kDataLoss,
                 fmt::format("the replica blob of {} holds another key than the vault",
                             Describe(header.id, header.version)));
  }
  if (record.header.revision == header.revision) {
    if (record.header.state == header.state &&
        EncodePolicy(record.header.policy) == EncodePolicy(header.policy)) {
      return Ok();
    }
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} has revision {} already, with another state or policy",
                             Describe(header.id, header.version), Number(header.revision)));
  }
  record.header = header;
  return impl_->StoreInstalled(bench.session(), ready, std::move(record));
}

Status KeyEngine::Impl::InstallInVault(Workbench& bench, const Ready& ready, const Blob& replica) {
  const KeyHeader& header = replica.header;
  if (replica.kind == BlobKind::kTokenReference) {
    return StoreInstalled(bench.session(), ready, replica);
  }
  TWINSEAL_ASSIGN_OR_RETURN(
      const PublicKeyCache::Entry* public_key,
      bench.public_keys().Get(header.id, header.version, header.algorithm, header.public_key));
  TWINSEAL_ASSIGN_OR_RETURN(
      Blob blob,
      WrapForVault({bench.session(), ready.keys, *ready.capabilities}, replica, *public_key));
  return StoreInstalled(bench.session(), ready, std::move(blob));
}

Status KeyEngine::Impl::StoreInstalled(hsm::Session& session, const Ready& ready, Blob blob) {
  const KeyHeader& header = blob.header;
  for (int attempt = 0; attempt < kInstallAttempts; ++attempt) {
    if (blob.kind == BlobKind::kVault) blob.generation = vault.AllotGeneration(header.id);
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes bytes, Bind(session, ready.keys, blob));
    TWINSEAL_ASSIGN_OR_RETURN(const Vault::Outcome outcome, vault.StoreInstalled(blob, bytes));
    if (outcome == Vault::Outcome::kStored) return Ok();
    if (outcome == Vault::Outcome::kChanged) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("the replica blob of {} is older than another that came meanwhile",
                               Describe(header.id, header.version)));
    }
  }
  return Error(Code::kUnavailable, fmt::format("{} is too busy to be changed; try again",
                                               Describe(header.id, header.version)));
}

Result<KeyRevision> KeyEngine::SeenRevision(Workbench& bench, const KeyId& id) {
  TWINSEAL_RETURN_IF_ERROR(Prepare(bench));
  const auto marks = vault_->FindMarks(id);
  return marks.has_value() ? marks->revision : KeyRevision{0};
}

Status KeyEngine::Erase(Workbench& bench, const KeyId& id) {
  // The vault first: it needs no HSM, and its tombstone keeps the key from coming back.
  TWINSEAL_RETURN_IF_ERROR(vault_->Erase(id));
  TWINSEAL_RETURN_IF_ERROR(bench.session().Ensure());
  return DestroyTokenKeys(bench.session(), id);
}

}  // namespace twinseal::core
