#include "tests/unit/common/ledger/engines.h"

namespace twinseal::ledger {
namespace {

INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract, testing::Values(SqliteEngine()),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace twinseal::ledger
