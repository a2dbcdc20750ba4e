#include "common/ledger/sqlite_ledger.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/common/ledger/contract.h"

namespace twinseal::ledger {
namespace {

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

INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract,
                         testing::Values(EngineUnderTest{
                             "sqlite", [] { return std::make_unique<SqliteBench>(); }}),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace twinseal::ledger
