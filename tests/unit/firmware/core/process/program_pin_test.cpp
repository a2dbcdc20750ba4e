// PINs, modules and tokens that are missing or wrong: each has its exit status and its words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firmware/core/process/program_fixture.h"

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;
using testing::HasSubstr;
using testing::Not;

class StartProgramTest : public ProgramTest {
 protected:
  // How a start with these arguments ends.
  CoreExit StatusOf(const test::CoreArguments& arguments) {
    const test::CoreEnd end = EndOf(arguments, &log_);
    EXPECT_EQ(end.signal, 0) << log_;
    return static_cast<CoreExit>(end.exit_status);
  }

  std::string log_;
};

TEST_F(StartProgramTest, AWrongPinIsTriedOnceAndNeverAgainUntilItChanges) {
  SetTokenUp();
  token_.Interpose();
  test::CoreArguments wrong = Arguments();
  wrong.pin = "wrong-pin-4711";
  EXPECT_EQ(StatusOf(wrong), CoreExit::kPinWrong);
  EXPECT_THAT(log_, Not(HasSubstr("wrong-pin-4711")));
  // The module would now crash on a login: there is none.
  token_.Script("C_Login crash\n");
  for (int restart = 0; restart < 3; ++restart)
    EXPECT_EQ(StatusOf(wrong), CoreExit::kPinRefusedBefore);
  EXPECT_THAT(log_, HasSubstr("refused this user PIN before"));
  token_.Script("");
  Start();
}

TEST_F(StartProgramTest, NamesAMissingPin) {
  test::CoreArguments arguments = Arguments();
  arguments.pin.reset();
  EXPECT_EQ(StatusOf(arguments), CoreExit::kPinMissing);
  arguments.pin = "";
  EXPECT_EQ(StatusOf(arguments), CoreExit::kPinMissing);
}

TEST_F(StartProgramTest, NamesALockedPin) {
  token_.Interpose();
  token_.Script("C_Login error CKR_PIN_LOCKED\n");
  EXPECT_EQ(StatusOf(Arguments()), CoreExit::kPinLocked);
}

TEST_F(StartProgramTest, NamesAMissingModule) {
  test::CoreArguments arguments = Arguments();
  arguments.module = "/nowhere/module.so";
  EXPECT_EQ(StatusOf(arguments), CoreExit::kModuleMissing);
  EXPECT_THAT(log_, HasSubstr("/nowhere/module.so"));
}

TEST_F(StartProgramTest, NamesAMissingToken) {
  test::CoreArguments arguments = Arguments();
  arguments.token = "no-such-token";
  EXPECT_EQ(StatusOf(arguments), CoreExit::kTokenMissing);
  EXPECT_THAT(log_, HasSubstr("no-such-token"));
}

TEST_F(StartProgramTest, NamesATokenThatIsNotSetUp) {
  EXPECT_EQ(StatusOf(Arguments()), CoreExit::kNotSetUp);
  EXPECT_THAT(log_, HasSubstr("twinseal appliance init"));
}

TEST_F(StartProgramTest, NamesWhatATokenLacks) {
  SetTokenUp();
  token_.Interpose();
  token_.Script(
      "C_GetMechanismList hide CKM_AES_KEY_WRAP_PAD\nC_GetMechanismList hide CKM_AES_KEY_WRAP\n");
  EXPECT_EQ(StatusOf(Arguments()), CoreExit::kTokenUnfit);
}

TEST_F(StartProgramTest, RefusesAFolderThatIsOpenToOthers) {
  std::filesystem::permissions(data_.path(), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  EXPECT_EQ(StatusOf(Arguments()), CoreExit::kVaultUnusable);
  EXPECT_THAT(log_, HasSubstr(data_.path().string()));
}

TEST_F(StartProgramTest, RefusesWrongFlags) {
  test::CoreArguments arguments = Arguments();
  arguments.more.push_back("--pin=1234");
  EXPECT_EQ(StatusOf(arguments), CoreExit::kUsage);
}

}  // namespace
}  // namespace twinseal::core
