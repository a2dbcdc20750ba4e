// A site's store of wrapped keys: one SQLite file with one record a key, that of its newest
// version, and the marks below which no key ever goes (docs/blob-format.md).
//
// It knows the form of its file, not the truth of its records: bindings are the key engine's.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/base/unique_fd.h"
#include "firmware/core/vault/blob.h"
#include "firmware/core/vault/marks.h"

namespace twinseal::core {

// A key's record, with the marks at the moment of reading.
struct VaultRecord {
  Bytes blob;  // As it was found: not even its form is checked.
  Marks marks;
};

// Thread-safe: one connection behind one mutex, which no call holds while it waits for the HSM. A
// killed process loses nothing that was stored. A power cut may take back the newest activations'
// records; those before them are then in their place, and still open.
class Vault {
 public:
  // Damage is remembered for so many keys; beyond that it is reported no less, but not listed.
  static constexpr std::size_t kMaxDamaged = 1000;

  struct Options {
    // Checks the structure of the whole file when it is opened: 1 ms for each MiB or two.
    bool check_integrity = true;
    std::uint32_t max_pages = 0;  // For tests of a full disk. 0: no limit.
  };

  // Opens `folder`/vault.db, making both when they are not there. Besides what sqlite::Open
  // answers: permission_denied when the folder is open to others, failed_precondition when another
  // process has this vault open. A key takes some 100 bytes of memory.
  static Result<std::unique_ptr<Vault>> Open(const std::filesystem::path& folder,
                                             const Options& options);
  static Result<std::unique_ptr<Vault>> Open(const std::filesystem::path& folder) {
    return Open(folder, Options());
  }

  // Checks the marks' seals and seals those to come; to be called before anything is stored. A
  // second call does nothing. data_loss when marks are not those that were sealed with this key.
  Status Unseal(Secret key);

  // Writes everything into the one file and leaves no log.
  ~Vault();
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  // The record of this key, when its newest version is this one; nothing when there is none.
  Result<std::optional<VaultRecord>> Read(const KeyId& id, KeyVersion version);

  // Nothing for a key that was never seen.
  std::optional<Marks> FindMarks(const KeyId& id) const;

  // The generation for the key's next record: higher than any given out before.
  Generation AllotGeneration(const KeyId& id);

  enum class Outcome {
    kStored,
    kOvertaken,  // A record of a higher generation was stored meanwhile; nothing was changed.
    kChanged,    // Version or revision is not the marks' any more, or the key is destroyed; nothing
                 // was changed.
  };

  // Puts the record that an activation made in the place of the one before. Not synced.
  Result<Outcome> StoreActivated(const Blob& blob, BytesView encoded);

  // Takes in a new key, version or revision: what was there before is overwritten, the marks rise.
  // Synced. kChanged when the marks are above the blob's version or revision.
  Result<Outcome> StoreInstalled(const Blob& blob, BytesView encoded);

  // Gives up this record, unless another has taken its place: the key is then as one that was never
  // installed, and its marks stay. Not synced.
  Status Discard(const Blob& blob);

  // Overwrites the key's record, leaves a tombstone in the marks, empties the log and syncs: when
  // this returns, no file of the vault holds a byte of any record that the key ever had.
  // Idempotent; a key that was never seen gets its tombstone too.
  Status Erase(const KeyId& id);

  // How many records there are.
  std::uint64_t size() const;

  // The sum of all keys' generations: each record stored raises it, so that an older file put back
  // whole has less.
  std::uint64_t GenerationSum() const;
  // Syncs all that was stored before, and gives the sum that is then on disk.
  Result<std::uint64_t> Sync();

  // Notes a record that was refused, until the key is stored or erased.
  void ReportDamaged(const KeyId& id, KeyVersion version, const std::string& why);
  // "<key id> version 1: its binding does not hold", by key id.
  std::vector<std::string> Damaged() const;

  const std::filesystem::path& path() const { return path_; }

 private:
  class Database;

  struct Mark {
    std::uint64_t revision = 0;
    std::uint64_t generation = 0;
    std::uint64_t allotted = 0;
    std::uint32_t version = 0;  // 0: never stored.
    std::uint32_t slot = 0;     // 0: no record.
    std::uint32_t size = 0;     // Of the slot, in bytes.
    bool destroyed = false;

    Marks Seen() const;
  };

  Vault(std::filesystem::path path, UniqueFd lock, std::unique_ptr<Database> database);

  // Writes record and marks in one transaction; `mark` is what the key's becomes.
  Status Write(const KeyId& id, Mark& mark, BytesView encoded, bool synced)
      TWINSEAL_REQUIRES(mutex_);
  void Adopt(const KeyId& id, const Mark& mark) TWINSEAL_REQUIRES(mutex_);

  const std::filesystem::path path_;
  const UniqueFd lock_;
  mutable Mutex mutex_;
  const std::unique_ptr<Database> database_;  // Its methods are called with the mutex held.
  std::optional<MarksSeal> seal_ TWINSEAL_GUARDED_BY(mutex_);
  std::vector<std::pair<KeyId, MarksSeal::Mac>> unchecked_ TWINSEAL_GUARDED_BY(mutex_);
  std::unordered_map<KeyId, Mark> marks_ TWINSEAL_GUARDED_BY(mutex_);
  std::uint64_t records_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::uint64_t generation_sum_ TWINSEAL_GUARDED_BY(mutex_) = 0;
  std::map<KeyId, std::string> damaged_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::core
