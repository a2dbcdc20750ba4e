// Signing: who may, and the way of a signature from the record to the caller.
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/policy/in_force.h"
#include "firmware/core/keys/anchor.h"
#include "firmware/core/keys/key_engine_impl.h"
#include "firmware/core/keys/sign_rules.h"
#include "firmware/core/keys/signing.h"
#include "firmware/core/keys/token_keys.h"

namespace twinseal::core {
namespace {

Error Aborted(const KeyId& id, KeyVersion version, std::string_view why) {
  return Error(Code::kAborted, fmt::format("{}: {}; install its replica blob and ask again",
                                           Describe(id, version), why));
}

// A change that returned to its caller binds every signature from then on, also those under way.
Error ChangedMeanwhile(const KeyHeader& header) {
  return Aborted(header.id, header.version, "the key was changed while it signed");
}

}  // namespace

Result<Blob> KeyEngine::Impl::OpenForSigning(Workbench& bench, const Ready& ready, const KeyId& id,
                                             KeyVersion version, KeyRevision seen_by_caller) {
  const auto marks = vault.FindMarks(id);
  if (marks.has_value() && marks->destroyed) return Destroyed(id);
  if (marks.has_value() && version < marks->version) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} no longer signs; the key's current version is {}",
                             Describe(id, version), Number(marks->version)));
  }
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<Blob> record, Open(bench.session(), ready, id, version));
  if (!record.has_value()) return Aborted(id, version, "the vault has no record of it");
  if (record->header.revision < seen_by_caller) {
    return Aborted(id, version,
                   fmt::format("the vault has revision {} of it, not {}",
                               Number(record->header.revision), Number(seen_by_caller)));
  }
  TWINSEAL_RETURN_IF_ERROR(CheckState(record->header));
  return std::move(record).value();
}

std::vector<Result<std::vector<Bytes>>> KeyEngine::Sign(Workbench& bench, const KeyId& id,
                                                        KeyVersion version,
                                                        KeyRevision seen_by_caller,
                                                        const SignOrder& first,
                                                        const TakeMore& take_more) {
  std::vector<Result<std::vector<Bytes>>> answers;
  const auto ready = impl_->Begin(bench);
  if (!ready.ok()) return {ready.error()};
  const auto record = impl_->OpenForSigning(bench, *ready, id, version, seen_by_caller);
  if (!record.ok()) return {record.error()};
  const policy::InForce policy = policy::InForceAt(record->header.policy, site_.text());
  auto first_tasks = CheckOrder(record->header, policy, first);
  if (!first_tasks.ok()) return {first_tasks.error()};

  std::vector<SignTask> tasks = std::move(first_tasks).value();
  const std::size_t most = MaxSignaturesPerActivation(policy);
  const std::size_t room = most > tasks.size() ? most - tasks.size() : 0;
  std::vector<SignOrder> more;
  if (room > 0 && take_more) more = take_more(room);

  // Each order's tasks stand one behind the other; those that are refused have none.
  std::vector<std::optional<Error>> refusals(1 + more.size());
  const std::size_t limit = tasks.size() + room;
  for (std::size_t i = 0; i < more.size(); ++i) {
    auto checked = CheckOrder(record->header, policy, more[i]);
    if (checked.ok() && tasks.size() + checked->size() > limit) {
      checked = Error(Code::kInternal, "more signatures were to share an activation than may");
    }
    if (!checked.ok()) {
      refusals[i + 1] = checked.error();
      continue;
    }
    tasks.insert(tasks.end(), checked->begin(), checked->end());
  }

  auto signatures = impl_->SignAll(bench, *ready, *record, tasks);
  if (signatures.ok()) {
    impl_->signatures += tasks.size();
  }
  auto next = signatures.ok() ? signatures->begin() : std::vector<Bytes>::iterator();
  answers.reserve(refusals.size());
  for (std::size_t i = 0; i < refusals.size(); ++i) {
    if (refusals[i].has_value()) {
      answers.emplace_back(*refusals[i]);
      continue;
    }
    if (!signatures.ok()) {
      answers.emplace_back(signatures.error());
      continue;
    }
    const auto count =
        static_cast<std::ptrdiff_t>(i == 0 ? first.items.size() : more[i - 1].items.size());
    answers.emplace_back(
        std::vector<Bytes>(std::make_move_iterator(next), std::make_move_iterator(next + count)));
    next += count;
  }
  return answers;
}

Result<std::vector<Bytes>> KeyEngine::Impl::SignAll(Workbench& bench, const Ready& ready,
                                                    const Blob& record,
                                                    std::span<const SignTask> tasks) {
  const KeyHeader& header = record.header;
  auto public_key =
      bench.public_keys().Get(header.id, header.version, header.algorithm, header.public_key);
  if (!public_key.ok()) return Refuse(header.id, header.version, public_key.error());
  return record.kind == BlobKind::kTokenReference
             ? SignOnToken(bench, record, (*public_key)->key, tasks)
             : SignInVault(bench, ready, record, **public_key, tasks);
}

Result<std::vector<Bytes>> KeyEngine::Impl::SignInVault(Workbench& bench, const Ready& ready,
                                                        const Blob& record,
                                                        const PublicKeyCache::Entry& public_key,
                                                        std::span<const SignTask> tasks) {
  const KeyHeader& header = record.header;
  const std::uint64_t number = ++activations;
  const ActivationTools tools{bench.session(), ready.keys, *ready.capabilities};
  auto key = UnwrapKey(tools, record, public_key);
  if (!key.ok()) {
    return key.error().code() == Code::kDataLoss ? GiveUp(record, key.error()) : key.error();
  }
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<Bytes> made,
                            MakeSignatures(bench.session(), key->get(), tasks));
  auto verification = bench.verifier().Begin(header, tasks, made);
  TWINSEAL_ASSIGN_OR_RETURN(Blob fresh, WrapAfresh(tools, key->get(), header));
  TWINSEAL_RETURN_IF_ERROR(key->Destroy());
  fresh.generation = vault.AllotGeneration(header.id);
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes bytes, Bind(bench.session(), ready.keys, fresh));
  if (const Status verified = verification.Wait(); !verified.ok()) {
    return verified.error().code() == Code::kDataLoss ? GiveUp(record, verified.error())
                                                      : verified.error();
  }
  TWINSEAL_ASSIGN_OR_RETURN(const Vault::Outcome outcome, vault.StoreActivated(fresh, bytes));
  if (outcome == Vault::Outcome::kChanged) return ChangedMeanwhile(header);
  if (number % kActivationsPerAnchor == 0) {
    // Without it the token remembers an earlier state, which is less but not wrong. Whatever ails
    // the session shows at its next use.
    (void)Anchor(bench.session());
  }
  return made;
}

Error KeyEngine::Impl::GiveUp(const Blob& record, const Error& why) {
  const KeyHeader& header = record.header;
  if (const Status discarded = vault.Discard(record); !discarded.ok()) return discarded.error();
  return Aborted(
      header.id, header.version,
      fmt::format("the HSM makes no good signature from its record ({})", why.message()));
}

Result<std::vector<Bytes>> KeyEngine::Impl::SignOnToken(Workbench& bench, const Blob& record,
                                                        const crypto::PublicKey& public_key,
                                                        std::span<const SignTask> tasks) {
  const KeyHeader& header = record.header;
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> candidates,
                            FindTokenKeys(bench.session(), header.id, header.version));
  std::vector<Bytes> made;
  Status verified;
  for (const hsm::Object key : candidates) {
    made.clear();
    for (const SignTask& task : tasks) {
      TWINSEAL_ASSIGN_OR_RETURN(Bytes signature,
                                SignDigest(bench.session(), *task.scheme, key, task.digest));
      made.push_back(std::move(signature));
    }
    verified = VerifySignatures(public_key, tasks, made);
    if (verified.ok()) break;
  }
  if (!verified.ok()) return Refuse(header.id, header.version, verified.error());
  const auto marks = vault.FindMarks(header.id);
  if (!marks.has_value() || marks->destroyed || marks->version != header.version ||
      marks->revision != header.revision) {
    return ChangedMeanwhile(header);
  }
  return made;
}

Status KeyEngine::Impl::Anchor(hsm::Session& session) {
  const MutexLock lock(anchor_mutex);
  // Only what is on disk may be remembered: a power cut must not look like an older vault.
  TWINSEAL_ASSIGN_OR_RETURN(const std::uint64_t sum, vault.Sync());
  return WriteAnchor(session, sum);
}

Status KeyEngine::Anchor(Workbench& bench) {
  TWINSEAL_RETURN_IF_ERROR(bench.session().Ensure());
  return impl_->Anchor(bench.session());
}

}  // namespace twinseal::core
