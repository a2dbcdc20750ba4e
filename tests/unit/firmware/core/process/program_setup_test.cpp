// twinseal-core --initialize.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/crypto/public_key.h"
#include "tests/unit/firmware/core/process/program_fixture.h"

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;
using testing::HasSubstr;

class SetupProgramTest : public ProgramTest {
 protected:
  Result<v1::CoreResponse> Initialize(test::CoreArguments arguments) {
    arguments.more.push_back("--initialize");
    core_ = std::make_unique<test::CoreProgram>(arguments);
    client_ = std::make_unique<test::CoreClient>(core_->TakeSocket());
    v1::CoreRequest request;
    request.mutable_initialize()->set_site("a");
    return client_->Call(std::move(request));
  }
};

TEST_F(SetupProgramTest, MakesABlankTokenTheAppliancesAndThenServes) {
  test::CoreArguments arguments = Arguments();
  arguments.token = "fresh";
  arguments.so_pin = "security-officer";
  arguments.pin = "fresh-user-pin";
  const auto response = Initialize(arguments);
  ASSERT_TRUE(response.ok()) << response.error().Describe();
  const auto identity =
      crypto::PublicKey::FromDer(AsBytes(response->initialize().identity_public_key_der()));
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->algorithm(), v1::EC_P256);
  client_->Close();
  EXPECT_TRUE(core_->Wait().With(CoreExit::kDone));
  arguments.so_pin.reset();
  Start(arguments);
}

TEST_F(SetupProgramTest, RefusesATokenThatWasSetUpBefore) {
  SetTokenUp();
  const auto response = Initialize(Arguments());
  EXPECT_EQ(response.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(response.error().message(), HasSubstr("twinseal-domain-kek"));
  client_->Close();
  EXPECT_TRUE(core_->Wait().With(CoreExit::kDone));
}

TEST_F(SetupProgramTest, SaysWhatIsWrongThroughTheSocket) {
  test::CoreArguments arguments = Arguments();
  arguments.token = "no-such-token";
  EXPECT_EQ(Initialize(arguments).error().origin(), "CKR_TOKEN_NOT_PRESENT");
  arguments = Arguments();
  arguments.pin = "wrong";
  EXPECT_EQ(Initialize(arguments).error().origin(), "CKR_PIN_INCORRECT");
  EXPECT_EQ(Initialize(arguments).error().origin(), "PIN_REFUSED_BEFORE");
}

TEST_F(SetupProgramTest, DoesNothingElse) {
  ASSERT_TRUE(Initialize(Arguments()).ok());
  EXPECT_EQ(client_->Generate(test::NewKeyHeader(v1::EC_P256)).error().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(client_->GetStatus().error().code(), Code::kFailedPrecondition);
}

}  // namespace
}  // namespace twinseal::core
