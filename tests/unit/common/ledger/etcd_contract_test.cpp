#include "common/ledger/etcd_ledger.h"
#include "tests/support/etcd_member.h"
#include "tests/unit/common/ledger/contract.h"
#include "tests/unit/common/ledger/test_seal.h"

namespace twinseal::ledger {
namespace {

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

INSTANTIATE_TEST_SUITE_P(Etcd, LedgerContract,
                         testing::Values(EngineUnderTest{
                             "etcd", [] { return std::make_unique<EtcdBench>(); }}),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace twinseal::ledger
