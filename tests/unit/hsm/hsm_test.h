// What the tests of this folder share: the suite runs on each kind of token, directly or through
// the interposer.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/session.h"
#include "tests/support/token_fixture.h"

namespace twinseal::hsm {

// EXPECT that a Status or Result is ok, or carries this code, and show the error when not.
MATCHER(IsOk, "is ok") {
  if (arg.ok()) return true;
  *result_listener << arg.error().Describe();
  return false;
}
MATCHER_P(Fails, code, "fails with " + std::string(CodeName(code))) {
  if (arg.ok()) return false;
  *result_listener << arg.error().Describe();
  return arg.error().code() == code;
}
MATCHER_P2(Fails, code, origin, "fails with " + std::string(CodeName(code)) + " from " + origin) {
  if (arg.ok()) return false;
  *result_listener << arg.error().Describe();
  return arg.error().code() == code && arg.error().origin() == origin;
}

inline const Bytes kDigest(32, 0x5a);

// Counts what a connection asks of its PIN source.
class CountingPin : public PinSource {
 public:
  explicit CountingPin(std::string_view pin) : pin_(pin) {}

  Result<Secret> Read(bool wrong_pin_since_login) override {
    wrong_pin_told = wrong_pin_since_login;
    return Secret(AsBytes(pin_));
  }
  void Refused(const Secret& /*pin*/) override { ++refused; }
  void Accepted(const Secret& /*pin*/) override { ++accepted; }
  void Change(std::string_view pin) { pin_ = pin; }

  bool wrong_pin_told = false;
  int refused = 0;
  int accepted = 0;

 private:
  std::string pin_;
};

class TokenTest : public testing::TestWithParam<test::TokenKind> {
 protected:
  TokenTest() : token_(GetParam()), pin_(test::TestToken::Pin()) {}

  // After Interpose and changes of options_.
  void Connect() {
    connection_ = std::make_unique<Connection>(options_ ? *options_ : token_.options(), pin_);
    session_ = connection_->NewSession();
    ASSERT_THAT(session_->Ensure(), IsOk());
  }

  test::TestToken token_;
  FixedPin pin_;
  std::optional<ConnectionOptions> options_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Session> session_;
};

inline std::string KindName(const testing::TestParamInfo<test::TokenKind>& info) {
  return test::Name(info.param);
}

#define TWINSEAL_ON_EACH_TOKEN(suite) \
  INSTANTIATE_TEST_SUITE_P(           \
      On, suite, testing::Values(test::TokenKind::kSoftHsm, test::TokenKind::kNss), KindName)

}  // namespace twinseal::hsm
