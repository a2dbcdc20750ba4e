#include "firmware/core/process/exit_mapping.h"

#include <gtest/gtest.h>

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;

TEST(ExitForTest, TellsPinTroublesApart) {
  const auto of = [](const char* origin) {
    return ExitFor(Error(Code::kFailedPrecondition, "x", origin), CoreExit::kFailed);
  };
  EXPECT_EQ(of("PIN_MISSING"), CoreExit::kPinMissing);
  EXPECT_EQ(of("PIN_REFUSED_BEFORE"), CoreExit::kPinRefusedBefore);
  EXPECT_EQ(of("CKR_PIN_INCORRECT"), CoreExit::kPinWrong);
  EXPECT_EQ(of("CKR_PIN_LOCKED"), CoreExit::kPinLocked);
  EXPECT_EQ(of("CKR_TOKEN_NOT_PRESENT"), CoreExit::kTokenMissing);
  EXPECT_EQ(of("NOT_SET_UP"), CoreExit::kNotSetUp);
  EXPECT_EQ(of("TOKEN_UNFIT"), CoreExit::kTokenUnfit);
}

TEST(ExitForTest, GivesTheStagesStatusToTheRest) {
  EXPECT_EQ(ExitFor(Error(Code::kNotFound, "x"), CoreExit::kModuleMissing),
            CoreExit::kModuleMissing);
  EXPECT_EQ(ExitFor(Error(Code::kInternal, "x", "CKR_GENERAL_ERROR"), CoreExit::kVaultUnusable),
            CoreExit::kVaultUnusable);
}

}  // namespace
}  // namespace twinseal::core
