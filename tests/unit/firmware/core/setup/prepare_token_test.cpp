#include "firmware/core/setup/prepare_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hsm/pkcs11/token.h"
#include "tests/support/token_fixture.h"

namespace twinseal::core {
namespace {

Secret Pin(std::string_view text) { return Secret(AsBytes(text)); }

hsm::TokenSelector Label(std::string label) {
  hsm::TokenSelector selector;
  selector.label = std::move(label);
  return selector;
}

class PrepareTokenTest : public testing::Test {
 protected:
  hsm::TokenInfo Find(const std::string& label) {
    const auto module = hsm::Module::Load(token_.module());
    const auto found = hsm::FindToken(*module, Label(label));
    EXPECT_TRUE(found.ok());
    return found.ok() ? *found : hsm::TokenInfo{};
  }

  test::TestToken token_{test::TokenKind::kSoftHsm};
};

TEST_F(PrepareTokenTest, MakesABlankTokenTheAppliances) {
  const Status made = PrepareToken(token_.module(), Label("fresh"), Pin("87654321"), Pin("1234"));
  ASSERT_TRUE(made.ok()) << made.error().Describe();
  EXPECT_TRUE(Find("fresh").user_pin_set());
}

TEST_F(PrepareTokenTest, LeavesATokenThatIsReadyAsItIs) {
  const std::string label(test::TestToken::kLabel);
  const std::string serial = Find(label).serial;
  EXPECT_TRUE(PrepareToken(token_.module(), Label(label), Pin("another-so"), Pin("another")).ok());
  EXPECT_EQ(Find(label).serial, serial);
}

TEST_F(PrepareTokenTest, WantsALabelForANewToken) {
  hsm::TokenSelector serial_only;
  serial_only.serial = "4711";
  EXPECT_EQ(PrepareToken(token_.module(), serial_only, Pin("87654321"), Pin("1234")).error().code(),
            Code::kInvalidArgument);
}

TEST_F(PrepareTokenTest, NamesAMissingModule) {
  hsm::ModuleOptions module;
  module.path = "/nowhere/module.so";
  const Status status = PrepareToken(module, Label("x"), Pin("1"), Pin("2"));
  EXPECT_THAT(status.error().message(), testing::HasSubstr("/nowhere/module.so"));
}

}  // namespace
}  // namespace twinseal::core
