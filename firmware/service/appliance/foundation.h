// What serving and setting up both stand on: folder, ledger, keys, and the appliance's own keys.
#pragma once

#include <filesystem>
#include <memory>

#include "common/base/result.h"
#include "common/base/types.h"
#include "common/base/unique_fd.h"
#include "common/ledger/ledger.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/keys/barrier.h"
#include "firmware/service/keys/core_follower.h"
#include "firmware/service/keys/key_directory.h"
#include "firmware/service/keys/key_feed.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/keys/own_key.h"
#include "firmware/service/operator_ca/operator_ca.h"
#include "firmware/service/pair/late_ledger.h"
#include "firmware/service/pair/ledger_ca.h"
#include "firmware/service/pair/pair_file.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {

// The appliance's files, opened and locked. Destroy it last.
struct Files {
  std::filesystem::path folder;
  UniqueFd lock;
  std::unique_ptr<PairFile> pair;
  std::unique_ptr<ledger::Ledger> ledger;
  // The same ledger when it is a pair's, else null. It is not open yet.
  LateLedger* late = nullptr;

  static Result<Files> Open(const std::filesystem::path& data_dir);

  std::filesystem::path own_ledger() const { return folder / "ledger" / "ledger.db"; }
  std::filesystem::path audit() const { return folder / "audit" / "audit.db"; }
  std::filesystem::path archive() const { return folder / "archive" / "archive.db"; }
  std::filesystem::path ca() const { return folder / "operator-ca.pem"; }
};

// `files` and `core` outlive it.
struct Foundation {
  Foundation(Files& files, Core& core, Barrier& barrier, const SiteName& site);

  KeyDirectory directory;
  KeyStore store;
  CoreFollower follower;  // Not started; for a site of several.
  KeyFeed feed;           // Not started.
  OwnKey audit_key;
  OperatorCa ca;
  LedgerCa ledger_ca;
};

std::string AuditKeyName(const SiteName& site);
crypto::UnixTime SystemTime();

}  // namespace twinseal::service
