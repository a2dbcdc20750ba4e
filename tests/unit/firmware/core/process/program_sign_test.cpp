// What the program is for: making keys and signing with them.
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firmware/core/process/program_fixture.h"

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;

class SigningProgramTest : public ProgramTest {
 protected:
  void SetUp() override { SetTokenUp(); }
};

TEST_F(SigningProgramTest, MakesKeysSignsAndStillKnowsThemAfterARestart) {
  Start();
  const v1::KeyHeader ec = MakeKey(v1::EC_P256);
  const v1::KeyHeader rsa = MakeKey(v1::RSA_2048);
  for (int round = 0; round < 2; ++round) {
    const auto ec_answer =
        client_->Call(test::SignRequestFor(ec, v1::ECDSA_SHA256, {Digest(1), Digest(2)}));
    ASSERT_TRUE(ec_answer.ok()) << ec_answer.error().Describe();
    ASSERT_EQ(ec_answer->sign().signatures_size(), 2);
    ExpectSigned(ec, v1::ECDSA_SHA256, Digest(1), ec_answer->sign().signatures(0));
    ExpectSigned(ec, v1::ECDSA_SHA256, Digest(2), ec_answer->sign().signatures(1));
    const auto rsa_answer =
        client_->Call(test::SignRequestFor(rsa, v1::RSA_PSS_SHA256, {Digest(3)}));
    ASSERT_TRUE(rsa_answer.ok()) << rsa_answer.error().Describe();
    ExpectSigned(rsa, v1::RSA_PSS_SHA256, Digest(3), rsa_answer->sign().signatures(0));
    const std::string short_digest = Digest(4).substr(0, 20);
    const auto old_answer =
        client_->Call(test::SignRequestFor(rsa, v1::RSA_PKCS1_SHA1, {short_digest}));
    ASSERT_TRUE(old_answer.ok()) << old_answer.error().Describe();
    ExpectSigned(rsa, v1::RSA_PKCS1_SHA1, short_digest, old_answer->sign().signatures(0));

    client_->Close();
    EXPECT_TRUE(core_->Wait().With(CoreExit::kDone)) << core_->Log();
    Start();
  }
}

TEST_F(SigningProgramTest, AnswersManyRequestsOfManyCallersEachOnce) {
  test::CoreArguments arguments = Arguments();
  arguments.sessions = 2;
  Start(arguments);
  const v1::KeyHeader key = MakeKey(v1::EC_P256, 8);
  std::vector<v1::CoreRequest> requests;
  for (std::uint64_t i = 0; i < 100; ++i) {
    requests.push_back(test::SignRequestFor(key, v1::ECDSA_SHA256, {Digest(i)},
                                            i % 2 == 0 ? "application/a" : "application/b"));
  }
  const auto numbers = client_->StartAll(std::move(requests));
  ASSERT_TRUE(numbers.ok());
  for (std::uint64_t i = 0; i < numbers->size(); ++i) {
    const auto answer = client_->Await((*numbers)[i]);
    ASSERT_TRUE(answer.ok());
    ASSERT_TRUE(answer->has_sign()) << answer->failure().message();
    ExpectSigned(key, v1::ECDSA_SHA256, Digest(i), answer->sign().signatures(0));
  }
  const auto status = client_->GetStatus();
  EXPECT_EQ(status->signatures(), 100U);
  EXPECT_LT(status->activations(), 100U);
}

TEST_F(SigningProgramTest, SurvivesKillAtAnyTimeAndSignsAgain) {
  Start();
  const v1::KeyHeader key = MakeKey();
  for (std::uint64_t round = 0; round < 5; ++round) {
    std::vector<v1::CoreRequest> requests;
    for (std::uint64_t i = 0; i < 20; ++i) {
      requests.push_back(test::SignRequestFor(key, v1::ECDSA_SHA256, {Digest(i)}));
    }
    ASSERT_TRUE(client_->StartAll(std::move(requests)).ok());
    // In the middle of the work: some are answered, some are not.
    for (std::uint64_t i = 0; i < 3 * round; ++i) ASSERT_TRUE(client_->AwaitAny().ok());
    core_->Kill();
    core_->Wait();
    Start();
    const auto answer = client_->Call(test::SignRequestFor(key, v1::ECDSA_SHA256, {Digest(99)}));
    ASSERT_TRUE(answer.ok()) << answer.error().Describe();
    ExpectSigned(key, v1::ECDSA_SHA256, Digest(99), answer->sign().signatures(0));
  }
}

TEST_F(SigningProgramTest, RefusesAnUnknownKeySoThatItIsInstalled) {
  Start();
  const auto answer = client_->Call(
      test::SignRequestFor(test::NewKeyHeader(v1::EC_P256), v1::ECDSA_SHA256, {Digest(1)}));
  EXPECT_EQ(answer.error().code(), Code::kAborted);
}

TEST_F(SigningProgramTest, RevisesAndErases) {
  Start();
  const v1::ReplicaBlob made = *client_->Generate(test::NewKeyHeader(v1::EC_P256));
  ASSERT_TRUE(client_->Install(made).ok());
  v1::CoreRequest revise;
  revise.mutable_revise()->set_replica_blob(made.replica_blob());
  revise.mutable_revise()->set_state(v1::DISABLED);
  revise.mutable_revise()->mutable_policy();
  revise.mutable_revise()->set_revision(2);
  const auto revised = client_->Call(std::move(revise));
  ASSERT_TRUE(revised.ok()) << revised.error().Describe();
  EXPECT_EQ(revised->blob().header().state(), v1::DISABLED);
  ASSERT_TRUE(client_->Install(revised->blob()).ok());
  const auto refused =
      client_->Call(test::SignRequestFor(revised->blob().header(), v1::ECDSA_SHA256, {Digest(1)}));
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);

  v1::CoreRequest erase;
  erase.mutable_erase()->set_key_id(made.header().key_id());
  ASSERT_TRUE(client_->Call(std::move(erase)).ok());
  EXPECT_EQ(client_->Install(revised->blob()).error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(client_->GetStatus()->vault_keys(), 0U);
}

TEST_F(SigningProgramTest, GivesRandomBytesOfTheHsm) {
  Start();
  const auto random = [&](std::uint32_t size) {
    v1::CoreRequest request;
    request.mutable_random()->set_size(size);
    return client_->Call(std::move(request));
  };
  const auto one = random(1024);
  const auto another = random(1024);
  ASSERT_TRUE(one.ok()) << one.error().Describe();
  EXPECT_EQ(one->random().random().size(), 1024U);
  EXPECT_NE(one->random().random(), another->random().random());
  EXPECT_EQ(random(0).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(random(1025).error().code(), Code::kInvalidArgument);
}

TEST_F(SigningProgramTest, TellsHowItIs) {
  Start();
  const auto status = client_->GetStatus();
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->hsm_token_label(), test::TestToken::kLabel);
  EXPECT_EQ(status->hsm_state(), "ready");
  EXPECT_GT(status->capabilities_size(), 0);
  EXPECT_NE(status->memory_lock(), "");
}

}  // namespace
}  // namespace twinseal::core
