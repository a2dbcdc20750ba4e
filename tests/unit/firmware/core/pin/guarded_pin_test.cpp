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
    return GuardedPin(Pin(pin), PinRecord(folder_.path(), "token"),
                      [this](const Error& error) { troubles_.push_back(error.message()); });
  }

  test::TempFolder folder_;
  std::vector<std::string> troubles_;
};

TEST_F(GuardedPinTest, GivesThePinOut) {
  GuardedPin pin = Fresh("1234");
  EXPECT_TRUE(*pin.Read(false) == Pin("1234"));
  pin.Accepted(Pin("1234"));
  EXPECT_TRUE(*pin.Read(false) == Pin("1234"));
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(GuardedPinTest, ARefusedPinIsNotGivenOutAgainByThisProcessOrTheNext) {
  GuardedPin pin = Fresh("1234");
  EXPECT_TRUE(pin.Read(false).ok());
  pin.Refused(Pin("1234"));
  EXPECT_EQ(pin.Read(false).error().origin(), kPinRefusedBefore);
  GuardedPin next = Fresh("1234");
  EXPECT_EQ(next.Read(false).error().origin(), kPinRefusedBefore);
  EXPECT_EQ(next.Read(false).error().code(), Code::kFailedPrecondition);
}

TEST_F(GuardedPinTest, AnotherPinMayBeTriedAndClearsTheRecordWhenItIsTaken) {
  GuardedPin wrong = Fresh("1234");
  ASSERT_TRUE(wrong.Read(false).ok());
  wrong.Refused(Pin("1234"));
  GuardedPin other = Fresh("5678");
  EXPECT_TRUE(other.Read(false).ok());
  other.Accepted(Pin("5678"));
  EXPECT_TRUE(Fresh("1234").Read(false).ok());
}

TEST_F(GuardedPinTest, WhatCameOfATryThatWasCutOffTheTokenTells) {
  ASSERT_TRUE(Fresh("1234").Read(false).ok());
  EXPECT_TRUE(Fresh("1234").Read(false).ok());
  EXPECT_TRUE(Fresh("5678").Read(true).ok());  // Another PIN.
  ASSERT_TRUE(Fresh("1234").Read(false).ok());
  EXPECT_EQ(Fresh("1234").Read(true).error().origin(), kPinRefusedBefore);
  EXPECT_EQ(Fresh("1234").Read(false).error().origin(), kPinRefusedBefore);
  EXPECT_TRUE(troubles_.empty());
}

TEST_F(GuardedPinTest, APinThatWasTakenMayBeTriedWhateverOthersGaveTheToken) {
  GuardedPin pin = Fresh("1234");
  ASSERT_TRUE(pin.Read(false).ok());
  pin.Accepted(Pin("1234"));
  EXPECT_TRUE(Fresh("1234").Read(true).ok());
}

TEST_F(GuardedPinTest, APinThatCouldNotBeRememberedIsNotTried) {
  GuardedPin pin(Pin("1234"), PinRecord(folder_.path() / "missing", "token"),
                 [this](const Error& error) { troubles_.push_back(error.message()); });
  const auto read = pin.Read(false);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code(), Code::kUnavailable);
  EXPECT_THAT(read.error().message(), testing::HasSubstr("not tried"));
}

TEST_F(GuardedPinTest, ARecordThatIsGoneIsReportedAndThePinStillRefused) {
  GuardedPin pin = Fresh("1234");
  ASSERT_TRUE(pin.Read(false).ok());
  std::filesystem::remove(folder_.path() / "tried-pin");
  pin.Refused(Pin("1234"));
  EXPECT_EQ(troubles_.size(), 1U);
  EXPECT_FALSE(pin.Read(false).ok());
}

}  // namespace
}  // namespace twinseal::core
