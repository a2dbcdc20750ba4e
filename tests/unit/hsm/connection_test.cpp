// Connecting: what is missing or refused, and the PIN.
#include "hsm/pkcs11/connection.h"

#include <fstream>

#include "hsm/pkcs11/key_kinds.h"
#include "hsm/pkcs11/token.h"
#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::hsm {
namespace {

using test::TestToken;

class ConnectionTest : public TokenTest {
 protected:
  Status TryToConnect(PinSource& pin) {
    session_.reset();
    connection_ = std::make_unique<Connection>(options_ ? *options_ : token_.options(), pin);
    session_ = connection_->NewSession();
    return session_->Ensure();
  }
};
TWINSEAL_ON_EACH_TOKEN(ConnectionTest);

TEST_P(ConnectionTest, NotConnectedUntilAsked) {
  const Connection connection(token_.options(), pin_);
  EXPECT_EQ(connection.Describe(), "not connected");
  EXPECT_FALSE(connection.token().has_value());
}

TEST_P(ConnectionTest, ConnectChecksEverything) {
  Connection connection(token_.options(), pin_);
  EXPECT_THAT(connection.Connect(), IsOk());
  EXPECT_TRUE(connection.token().has_value());
  EXPECT_THAT(connection.Connect(), IsOk()) << "again";
}

TEST_P(ConnectionTest, MissingModuleIsNamed) {
  options_ = token_.options();
  options_->module.path = "/nonexistent/libhsm.so";
  const Status status = TryToConnect(pin_);
  ASSERT_THAT(status, Fails(Code::kNotFound));
  EXPECT_THAT(status.error().message(), testing::HasSubstr("/nonexistent/libhsm.so"));
  EXPECT_TRUE(connection_->Describe().starts_with("refused: ")) << connection_->Describe();
}

TEST_P(ConnectionTest, WhatIsNoModuleIsRefused) {
  options_ = token_.options();
  options_->module.path = "libm.so.6";
  EXPECT_THAT(TryToConnect(pin_), Fails(Code::kFailedPrecondition));

  const auto text = token_.folder() / "text.so";
  std::ofstream(text) << "not an ELF file";
  options_->module.path = text;
  EXPECT_THAT(TryToConnect(pin_), Fails(Code::kFailedPrecondition));

  options_->module.path.clear();
  EXPECT_THAT(TryToConnect(pin_), Fails(Code::kFailedPrecondition));
}

TEST_P(ConnectionTest, MissingTokenIsUnavailableAndNamesThoseThereAre) {
  options_ = token_.options();
  options_->token.label = "another";
  const Status status = TryToConnect(pin_);
  ASSERT_THAT(status, Fails(Code::kUnavailable, "CKR_TOKEN_NOT_PRESENT"));
  EXPECT_THAT(status.error().message(), testing::HasSubstr("token 'another' is not present"));
  EXPECT_THAT(status.error().message(), testing::HasSubstr("'twinseal-test'"));
}

TEST_P(ConnectionTest, TokenIsFoundByUri) {
  ASSERT_THAT(TryToConnect(pin_), IsOk());
  const TokenInfo token = *connection_->token();
  options_ = token_.options();
  const auto selector = TokenSelector::Parse("pkcs11:token=twinseal-test;serial=" + token.serial);
  ASSERT_THAT(selector, IsOk());
  options_->token = *selector;
  EXPECT_THAT(TryToConnect(pin_), IsOk());
}

TEST_P(ConnectionTest, MissingPinIsTold) {
  FixedPin none{Secret()};
  const Status status = TryToConnect(none);
  ASSERT_THAT(status, Fails(Code::kFailedPrecondition));
  EXPECT_THAT(status.error().message(), testing::HasSubstr("PIN is missing"));
}

TEST_P(ConnectionTest, WrongPinIsTriedOnceAndNeverAgainUntilItChanges) {
  token_.Interpose();
  CountingPin pin("not the PIN");
  ASSERT_THAT(TryToConnect(pin), Fails(Code::kFailedPrecondition, "CKR_PIN_INCORRECT"));
  EXPECT_EQ(pin.refused, 1);

  // From here on the token would crash this process at a login.
  token_.Script("C_Login crash");
  for (int i = 0; i < 5; ++i) {
    const Status again = session_->Ensure();
    ASSERT_THAT(again, Fails(Code::kFailedPrecondition, "CKR_PIN_INCORRECT"));
    EXPECT_THAT(again.error().message(), testing::HasSubstr("not tried again"));
  }
  const auto other = connection_->NewSession();
  EXPECT_THAT(other->Ensure(), Fails(Code::kFailedPrecondition, "CKR_PIN_INCORRECT"));
  EXPECT_EQ(pin.refused, 1);

  token_.Script("");
  pin.Change(TestToken::kPin);
  EXPECT_THAT(session_->Ensure(), IsOk());
  EXPECT_EQ(pin.accepted, 1);
  EXPECT_EQ(connection_->Describe(), "ready");
}

TEST_P(ConnectionTest, TellsThePinsSourceThatTheTokenHeardAWrongOne) {
  CountingPin wrong("not the PIN");
  ASSERT_THAT(TryToConnect(wrong), Fails(Code::kFailedPrecondition, "CKR_PIN_INCORRECT"));
  EXPECT_FALSE(wrong.wrong_pin_told);
  CountingPin right(TestToken::kPin);
  ASSERT_THAT(TryToConnect(right), IsOk());
  // NSS softokn leaves it unsaid.
  EXPECT_EQ(right.wrong_pin_told, GetParam() == test::TokenKind::kSoftHsm);
  session_.reset();
  connection_.reset();
  CountingPin again(TestToken::kPin);
  ASSERT_THAT(TryToConnect(again), IsOk());
  EXPECT_FALSE(again.wrong_pin_told);
}

TEST_P(ConnectionTest, LockedPinIsTold) {
  token_.Interpose();
  token_.Script("C_Login error CKR_PIN_LOCKED");
  CountingPin pin(TestToken::kPin);
  ASSERT_THAT(TryToConnect(pin), Fails(Code::kFailedPrecondition, "CKR_PIN_LOCKED"));
  EXPECT_THAT(connection_->Describe(), testing::HasSubstr("the PIN is locked"));
  EXPECT_EQ(pin.refused, 0) << "it says nothing about this PIN";
  token_.Script("C_Login crash");
  EXPECT_THAT(session_->Ensure(), Fails(Code::kFailedPrecondition, "CKR_PIN_LOCKED"));
}

TEST_P(ConnectionTest, LoginIsTheWholeProcesss) {
  CountingPin pin(TestToken::kPin);
  ASSERT_THAT(TryToConnect(pin), IsOk());
  for (int i = 0; i < 4; ++i) EXPECT_THAT(connection_->Connect(), IsOk());
  EXPECT_EQ(pin.accepted, 1);
}

TEST_P(ConnectionTest, SessionLimitIsTold) {
  token_.Interpose();
  token_.Script("C_OpenSession error CKR_SESSION_COUNT times 1");
  ASSERT_THAT(TryToConnect(pin_), Fails(Code::kResourceExhausted, "CKR_SESSION_COUNT"));
  EXPECT_THAT(session_->Ensure(), IsOk());
}

TEST(BlankToken, UserPinThatWasNeverSetIsTold) {
  const test::TestToken token(test::TokenKind::kSoftHsm);
  {
    const auto module = Module::Load(token.module());
    ASSERT_THAT(module, IsOk());
    const auto blank = FindBlankToken(*module);
    ASSERT_THAT(blank, IsOk());
    const Secret so_pin(AsBytes("so-pin"));
    EXPECT_THAT(InitializeToken(*module, blank->slot, so_pin, ""), Fails(Code::kInvalidArgument));
    EXPECT_THAT(InitializeToken(*module, blank->slot, so_pin, std::string(33, 'x')),
                Fails(Code::kInvalidArgument));
    ASSERT_THAT(InitializeToken(*module, blank->slot, so_pin, "no pin yet"), IsOk());
    EXPECT_THAT(InitializePin(*module, blank->slot, Secret(AsBytes("wrong")), TestToken::Pin()),
                Fails(Code::kFailedPrecondition, "CKR_PIN_INCORRECT"));
  }
  ConnectionOptions options = token.options();
  options.token.label = "no pin yet";
  FixedPin pin(TestToken::Pin());
  Connection connection(options, pin);
  EXPECT_THAT(connection.Connect(),
              Fails(Code::kFailedPrecondition, "CKR_USER_PIN_NOT_INITIALIZED"));
}

TEST(BlankToken, TwoTokensOfOneLabelAreRefused) {
  const test::TestToken token(test::TokenKind::kSoftHsm);
  const auto module = Module::Load(token.module());
  ASSERT_THAT(module, IsOk());
  const auto blank = FindBlankToken(*module);
  ASSERT_THAT(blank, IsOk());
  ASSERT_THAT(InitializeToken(*module, blank->slot, Secret(AsBytes("so-pin")), TestToken::kLabel),
              IsOk());
  EXPECT_THAT(FindToken(*module, token.selector()), Fails(Code::kFailedPrecondition));
}

}  // namespace
}  // namespace twinseal::hsm
