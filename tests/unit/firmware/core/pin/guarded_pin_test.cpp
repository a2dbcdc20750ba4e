#include "firmware/core/pin/guarded_pin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware/core/pin/pin_input.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/firmware/core/pin/pins.h"

namespace twinseal::core {
namespace {

class GuardedPinTest : public testing::Test {
 protected:
  // As a process that has just started.
  GuardedPin Fresh(std::string_view pin) {
    return GuardedPin(Pin(pin), RefusedPinFile(folder_.path(), "token"),
                      [this](const Error& error) { troubles_.push_back(error.message()); });
  }

  test::TempFolder folder_;
  std::vector<std::string> troubles_;
};

TEST_F(GuardedPinTest, GivesThePinOut) {
  GuardedPin pin = Fresh("1234");
  EXPECT_TRUE(*pin.Read() == Pin("1234"));
  pin.Accepted(Pin("1234"));
  EXPECT_TRUE(*pin.Read() == Pin("1234"));
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(GuardedPinTest, ARefusedPinIsNotGivenOutAgainByThisProcessOrTheNext) {
  GuardedPin pin = Fresh("1234");
  EXPECT_TRUE(pin.Read().ok());
  pin.Refused(Pin("1234"));
  EXPECT_EQ(pin.Read().error().origin(), kPinRefusedBefore);
  GuardedPin next = Fresh("1234");
  EXPECT_EQ(next.Read().error().origin(), kPinRefusedBefore);
  EXPECT_EQ(next.Read().error().code(), Code::kFailedPrecondition);
}

TEST_F(GuardedPinTest, AnotherPinMayBeTriedAndClearsTheRecordWhenItIsTaken) {
  Fresh("1234").Refused(Pin("1234"));
  GuardedPin other = Fresh("5678");
  EXPECT_TRUE(other.Read().ok());
  other.Accepted(Pin("5678"));
  EXPECT_TRUE(Fresh("1234").Read().ok());
}

TEST_F(GuardedPinTest, AFolderThatCannotBeWrittenIsReportedAndThePinStillRefused) {
  GuardedPin pin(Pin("1234"), RefusedPinFile(folder_.path() / "missing", "token"),
                 [this](const Error& error) { troubles_.push_back(error.message()); });
  pin.Refused(Pin("1234"));
  EXPECT_EQ(troubles_.size(), 1U);
  EXPECT_FALSE(pin.Read().ok());
}

}  // namespace
}  // namespace twinseal::core
