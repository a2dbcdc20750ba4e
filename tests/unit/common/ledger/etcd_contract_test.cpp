#include "tests/unit/common/ledger/engines.h"

namespace twinseal::ledger {
namespace {

INSTANTIATE_TEST_SUITE_P(Etcd, LedgerContract, testing::Values(EtcdEngine()),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace twinseal::ledger
