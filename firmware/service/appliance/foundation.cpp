#include "firmware/service/appliance/foundation.h"

#include <chrono>
#include <cstdlib>
#include <utility>

#include "common/base/own_folder.h"
#include "common/ledger/sqlite_ledger.h"

namespace twinseal::service {
namespace {

// For a killed process to be gone, also on a busy machine.
constexpr std::chrono::seconds kLockWait{5};
// For the core to take one key's change in, behind what signs.
constexpr std::chrono::seconds kFollowTime{30};

}  // namespace

Result<Files> Files::Open(const std::filesystem::path& data_dir) {
  Files files;
  files.folder = data_dir;
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(files.lock, LockFolder(data_dir, kLockWait));
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(data_dir / "ledger"));
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(data_dir / "audit"));
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(data_dir / "archive"));
  // What SQLite writes beside its files, while it writes one anew, stays in the folder.
  setenv("SQLITE_TMPDIR", (data_dir / "ledger").c_str(), 0);
  TWINSEAL_ASSIGN_OR_RETURN(files.pair, PairFile::Open(data_dir));
  if (files.pair->paired()) {
    auto late = std::make_unique<LateLedger>();
    files.late = late.get();
    files.ledger = std::move(late);
    return files;
  }
  // Of a pair that this appliance has left, as its file says: what it holds would outlive keys that
  // are destroyed. Without a file it may be the last copy.
  std::error_code ignored;
  if (!files.pair->state().site().empty()) {
    std::filesystem::remove_all(data_dir / "etcd", ignored);
  }
  TWINSEAL_ASSIGN_OR_RETURN(files.ledger, ledger::SqliteLedger::Open(files.own_ledger()));
  return files;
}

std::string AuditKeyName(const SiteName& site) {
  return std::string(kAuditKeyPrefix) + site.text();
}

crypto::UnixTime SystemTime() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

Foundation::Foundation(Files& files, Core& core, Barrier& barrier, const SiteName& site)
    : store(*files.ledger, core, directory, barrier, site, SystemMilliseconds),
      follower([this](const KeyId& key) {
        return store.Follow(key, std::chrono::steady_clock::now() + kFollowTime);
      }),
      feed(*files.ledger, directory, [this](const KeyId& key) { follower.Changed(key); }),
      audit_key(directory, store, core, AuditKeyName(site)),
      ca(OwnKey(directory, store, core, std::string(kOperatorCaKey)), SystemTime),
      ledger_ca(OwnKey(directory, store, core, std::string(kLedgerCaKey)), SystemTime) {}

}  // namespace twinseal::service
