#include "firmware/core_protocol/exit_status.h"

#include <gtest/gtest.h>

namespace twinseal::core_protocol {
namespace {

TEST(CoreExitTest, NoRestartTriesARefusedPinAgain) {
  for (const CoreExit status : {CoreExit::kPinWrong, CoreExit::kPinRefusedBefore,
                                CoreExit::kPinLocked, CoreExit::kPinMissing}) {
    EXPECT_FALSE(RestartMayHelp(status)) << Describe(status);
  }
}

TEST(CoreExitTest, AHungOrMissingHsmIsTriedAgain) {
  EXPECT_TRUE(RestartMayHelp(CoreExit::kHsmHung));
  EXPECT_TRUE(RestartMayHelp(CoreExit::kTokenMissing));
}

TEST(CoreExitTest, UnknownStatusesAreNamedAsSuchAndRestarted) {
  EXPECT_EQ(Describe(static_cast<CoreExit>(99)), "the signing core ended with an unknown status");
  EXPECT_TRUE(RestartMayHelp(static_cast<CoreExit>(99)));
}

}  // namespace
}  // namespace twinseal::core_protocol
