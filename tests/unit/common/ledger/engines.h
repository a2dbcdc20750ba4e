// The engines that every suite over LedgerContract runs with.
#pragma once

#include <memory>

#include "common/ledger/etcd_ledger.h"
#include "common/ledger/sqlite_ledger.h"
#include "tests/support/etcd_member.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/common/ledger/contract.h"
#include "tests/unit/common/ledger/test_seal.h"

namespace twinseal::ledger {

class SqliteBench final : public LedgerBench {
 public:
  SqliteBench() { Reopen(); }

  Ledger& ledger() override { return *ledger_; }

  void Reopen() override {
    ledger_.reset();
    ledger_ = SqliteLedger::Open(folder_ / "ledger.db").value();
  }

 private:
  test::TempFolder folder_;
  std::unique_ptr<Ledger> ledger_;
};

class EtcdBench final : public LedgerBench {
 public:
  EtcdBench() { Reopen(); }

  Ledger& ledger() override { return *ledger_; }

  void Reopen() override {
    const Sighting seen = ledger_ != nullptr ? ledger_->seen() : Sighting{};
    ledger_.reset();
    ledger_ = EtcdLedger::Open(member_.options(), TestSeal(), seen).value();
  }

 private:
  test::EtcdMember member_;
  std::unique_ptr<EtcdLedger> ledger_;
};

inline EngineUnderTest SqliteEngine() {
  return {"sqlite", [] { return std::make_unique<SqliteBench>(); }};
}

inline EngineUnderTest EtcdEngine() {
  return {"etcd", [] { return std::make_unique<EtcdBench>(); }};
}

}  // namespace twinseal::ledger
