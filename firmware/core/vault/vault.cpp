#include "firmware/core/vault/vault.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "firmware/core/vault/vault_database.h"
#include "firmware/core/vault/vault_files.h"

namespace twinseal::core {
Marks Vault::Mark::Seen() const {
  return {.version = KeyVersion{version},
          .revision = KeyRevision{revision},
          .generation = Generation{generation},
          .destroyed = destroyed};
}

Vault::Vault(std::filesystem::path path, UniqueFd lock, std::unique_ptr<Database> database)
    : path_(std::move(path)), lock_(std::move(lock)), database_(std::move(database)) {}

Vault::~Vault() {
  const MutexLock lock(mutex_);
  // What fails here is done by the next one that opens the file.
  (void)database_->EmptyLog();
}

Result<std::unique_ptr<Vault>> Vault::Open(const std::filesystem::path& folder,
                                           const Options& options) {
  TWINSEAL_ASSIGN_OR_RETURN(UniqueFd file_lock, LockVault(folder));
  TWINSEAL_ASSIGN_OR_RETURN(auto database, Database::Open(VaultFile(folder), options));
  std::unique_ptr<Vault> vault(
      new Vault(VaultFile(folder), std::move(file_lock), std::move(database)));
  {
    const MutexLock lock(vault->mutex_);
    Vault& self = *vault;
    TWINSEAL_RETURN_IF_ERROR(self.database_->ReadMarks(
        [&self](const KeyId& id, const Mark& mark, const MarksSeal::Mac& seal)
            TWINSEAL_REQUIRES(self.mutex_) {
              self.Adopt(id, mark);
              self.unchecked_.emplace_back(id, seal);
            }));
  }
  return vault;
}

Status Vault::Unseal(Secret key) {
  const MutexLock lock(mutex_);
  if (seal_) return Ok();
  MarksSeal seal(std::move(key));
  for (const auto& [id, mac] : unchecked_) {
    const MarksSeal::Mac right = seal.Of(id, marks_.at(id).Seen());
    if (CRYPTO_memcmp(right.data(), mac.data(), right.size()) == 0) continue;
    return Error(Code::kDataLoss,
                 fmt::format("{}: the marks of key {} were not written by this core, so what was "
                             "stored of it is not to be trusted; put the newest copy back",
                             path_.string(), id.Hex()));
  }
  unchecked_ = {};
  seal_ = std::move(seal);
  return Ok();
}

void Vault::Adopt(const KeyId& id, const Mark& mark) {
  Mark& kept = marks_[id];
  records_ += (mark.slot != 0 ? 1U : 0U);
  records_ -= (kept.slot != 0 ? 1U : 0U);
  generation_sum_ += mark.generation - kept.generation;
  const std::uint64_t allotted = std::max(kept.allotted, mark.generation);
  kept = mark;
  kept.allotted = allotted;
}

Status Vault::Write(const KeyId& id, Mark& mark, BytesView encoded, bool synced) {
  if (!seal_) return Error(Code::kFailedPrecondition, "the vault was not unsealed yet; try again");
  TWINSEAL_RETURN_IF_ERROR(database_->Write(id, mark, seal_->Of(id, mark.Seen()), encoded, synced));
  Adopt(id, mark);
  damaged_.erase(id);
  return Ok();
}

Result<std::optional<VaultRecord>> Vault::Read(const KeyId& id, KeyVersion version) {
  const MutexLock lock(mutex_);
  const auto found = marks_.find(id);
  if (found == marks_.end()) return std::optional<VaultRecord>();
  const Mark& mark = found->second;
  if (mark.slot == 0 || mark.version != Number(version)) return std::optional<VaultRecord>();
  TWINSEAL_ASSIGN_OR_RETURN(Bytes blob, database_->ReadSlot(mark.slot));
  return std::optional<VaultRecord>({.blob = std::move(blob), .marks = mark.Seen()});
}

std::optional<Marks> Vault::FindMarks(const KeyId& id) const {
  const MutexLock lock(mutex_);
  const auto found = marks_.find(id);
  if (found == marks_.end()) return std::nullopt;
  const Mark& mark = found->second;
  if (mark.version == 0 && !mark.destroyed) return std::nullopt;
  return mark.Seen();
}

Generation Vault::AllotGeneration(const KeyId& id) {
  const MutexLock lock(mutex_);
  return Generation{++marks_[id].allotted};
}

Result<Vault::Outcome> Vault::StoreActivated(const Blob& blob, BytesView encoded) {
  const KeyId& id = blob.header.id;
  const MutexLock lock(mutex_);
  const auto found = marks_.find(id);
  if (found == marks_.end()) return Outcome::kChanged;
  Mark mark = found->second;
  if (mark.destroyed || mark.slot == 0 || mark.version != Number(blob.header.version) ||
      mark.revision != Number(blob.header.revision)) {
    return Outcome::kChanged;
  }
  if (mark.generation >= Number(blob.generation)) return Outcome::kOvertaken;
  mark.generation = Number(blob.generation);
  TWINSEAL_RETURN_IF_ERROR(Write(id, mark, encoded, false));
  return Outcome::kStored;
}

Result<Vault::Outcome> Vault::StoreInstalled(const Blob& blob, BytesView encoded) {
  const KeyId& id = blob.header.id;
  const MutexLock lock(mutex_);
  Mark mark;
  if (const auto found = marks_.find(id); found != marks_.end()) mark = found->second;
  const std::uint32_t version = Number(blob.header.version);
  const std::uint64_t revision = Number(blob.header.revision);
  if (mark.destroyed || mark.version > version || mark.revision > revision) {
    return Outcome::kChanged;
  }
  // Token references have no generation of their own; the mark's counts on all the same.
  const bool counted = blob.kind == BlobKind::kVault;
  const std::uint64_t generation = counted ? Number(blob.generation) : mark.generation + 1;
  if (mark.generation >= generation) return Outcome::kOvertaken;
  mark.version = version;
  mark.revision = revision;
  mark.generation = generation;
  TWINSEAL_RETURN_IF_ERROR(Write(id, mark, encoded, true));
  return Outcome::kStored;
}

Status Vault::Discard(const Blob& blob) {
  const KeyId& id = blob.header.id;
  const MutexLock lock(mutex_);
  const auto found = marks_.find(id);
  if (found == marks_.end() || found->second.generation != Number(blob.generation)) return Ok();
  Mark mark = found->second;
  return mark.slot == 0 ? Ok() : Write(id, mark, {}, false);
}

Status Vault::Erase(const KeyId& id) {
  const MutexLock lock(mutex_);
  Mark mark;
  if (const auto found = marks_.find(id); found != marks_.end()) mark = found->second;
  if (!mark.destroyed) {
    mark.destroyed = true;
    ++mark.generation;
    TWINSEAL_RETURN_IF_ERROR(Write(id, mark, {}, true));
  }
  // Also for a key that was destroyed before: the process may have been killed in between.
  return database_->EmptyLog();
}

std::uint64_t Vault::size() const {
  const MutexLock lock(mutex_);
  return records_;
}

std::uint64_t Vault::GenerationSum() const {
  const MutexLock lock(mutex_);
  return generation_sum_;
}

Result<std::uint64_t> Vault::Sync() {
  const MutexLock lock(mutex_);
  TWINSEAL_RETURN_IF_ERROR(database_->Sync());
  return generation_sum_;
}

void Vault::ReportDamaged(const KeyId& id, KeyVersion version, const std::string& why) {
  const MutexLock lock(mutex_);
  if (damaged_.size() >= kMaxDamaged && !damaged_.contains(id)) return;
  damaged_.insert_or_assign(id, fmt::format("{}: {}", Describe(id, version), why));
}

std::vector<std::string> Vault::Damaged() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> all;
  all.reserve(damaged_.size());
  for (const auto& [id, text] : damaged_) all.push_back(text);
  return all;
}

}  // namespace twinseal::core
