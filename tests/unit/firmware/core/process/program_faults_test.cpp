// An HSM that errs, dawdles, hangs and crashes, by the interposer's script.
#include <chrono>
#include <csignal>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firmware/core/process/program_fixture.h"

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;

class FaultyProgramTest : public ProgramTest {
 protected:
  void SetUp() override {
    SetTokenUp();
    token_.Interpose();
    test::CoreArguments arguments = Arguments();
    arguments.sessions = 1;
    Start(arguments);
    key_ = MakeKey();
  }

  v1::CoreRequest Sign(std::uint64_t number, std::uint32_t deadline_ms = 0) {
    v1::CoreRequest request = test::SignRequestFor(key_, v1::ECDSA_SHA256, {Digest(number)});
    request.set_deadline_ms(deadline_ms);
    return request;
  }
  // Asks until the HSM is back. The test's own time limit is the limit.
  void AwaitSignature() {
    while (true) {
      const auto answer = client_->Call(Sign(1));
      if (answer.ok()) {
        ExpectSigned(key_, v1::ECDSA_SHA256, Digest(1), answer->sign().signatures(0));
        return;
      }
      ASSERT_EQ(answer.error().code(), Code::kUnavailable) << answer.error().Describe();
    }
  }

  v1::KeyHeader key_;
};

TEST_F(FaultyProgramTest, AHungCallFailsAtItsDeadlineAndBlocksNobody) {
  token_.Script("C_Sign hang times 1\n");
  const auto hanging = client_->Start(Sign(1, 300));
  const auto other = client_->Start(Sign(2));
  ASSERT_TRUE(hanging.ok() && other.ok());
  EXPECT_EQ(client_->Await(*hanging)->failure().code(), "deadline_exceeded");
  EXPECT_TRUE(client_->GetStatus().ok());
  const auto answer = client_->Await(*other);
  ASSERT_TRUE(answer->has_sign()) << answer->failure().message();
  token_.Script("");
  AwaitSignature();
}

TEST_F(FaultyProgramTest, TooManyHungCallsEndTheProcessForARestart) {
  token_.Script("C_Sign hang\n");
  for (std::uint64_t number = 0;; ++number) {
    const auto answer = client_->Call(Sign(number, 50));
    ASSERT_FALSE(answer.ok());
    if (answer.error().code() == Code::kUnavailable) break;
    EXPECT_EQ(answer.error().code(), Code::kDeadlineExceeded);
  }
  EXPECT_TRUE(core_->Wait().With(CoreExit::kHsmHung)) << core_->Log();
  token_.Script("");
  Start();
  AwaitSignature();
}

TEST_F(FaultyProgramTest, ASlowCallIsWaitedFor) {
  token_.Script("C_Sign delay 300ms times 2\n");
  EXPECT_TRUE(client_->Call(Sign(1)).ok());
}

TEST_F(FaultyProgramTest, WhenThePeerIsGoneOnlyWhatHasBegunIsFinished) {
  // All of it would take a minute.
  token_.Script("C_UnwrapKey delay 100ms\n");
  std::vector<v1::CoreRequest> requests;
  for (std::uint64_t number = 0; number < 300; ++number) requests.push_back(Sign(number));
  ASSERT_TRUE(client_->StartAll(std::move(requests)).ok());
  ASSERT_TRUE(client_->AwaitAny().ok());
  const auto closed = std::chrono::steady_clock::now();
  client_->Close();
  EXPECT_TRUE(core_->Wait().With(CoreExit::kDone)) << core_->Log();
  EXPECT_LT(std::chrono::steady_clock::now() - closed, std::chrono::seconds(15));
}

TEST_F(FaultyProgramTest, AnOverloadIsRefusedAndNobodyIsForgotten) {
  constexpr std::uint32_t kTenMinutes = 600'000;
  const v1::KeyHeader blocking = key_;
  key_ = MakeKey(v1::EC_P256, 1024);
  // The only worker is held by a key that nobody joins.
  token_.Script("C_UnwrapKey hang\n");
  v1::CoreRequest block = test::SignRequestFor(blocking, v1::ECDSA_SHA256, {Digest(0)});
  block.set_deadline_ms(kTenMinutes);
  const auto blocked = client_->Start(std::move(block));
  ASSERT_TRUE(blocked.ok());
  // The first status may overtake what was read together with it; the next ones come after.
  ASSERT_TRUE(client_->GetStatus().ok());
  while (client_->GetStatus()->queue_depth() > 0) {
  }

  constexpr std::uint64_t kMayWait = 2048;
  std::vector<v1::CoreRequest> requests;
  for (std::uint64_t number = 0; number < kMayWait + 50; ++number) {
    requests.push_back(Sign(number, kTenMinutes));
  }
  const auto greedy = client_->StartAll(std::move(requests));
  ASSERT_TRUE(greedy.ok());
  v1::CoreRequest other = Sign(0, kTenMinutes);
  other.mutable_sign()->set_caller("application/modest");
  const auto modest = client_->Start(std::move(other));
  ASSERT_TRUE(modest.ok());
  for (std::uint64_t i = kMayWait; i < greedy->size(); ++i) {
    EXPECT_EQ(client_->Await((*greedy)[i])->failure().code(), "resource_exhausted");
  }
  token_.Script("");
  EXPECT_TRUE(client_->Await(*blocked)->has_sign());
  EXPECT_TRUE(client_->Await(*modest)->has_sign());
  for (std::uint64_t i = 0; i < kMayWait; ++i) {
    EXPECT_TRUE(client_->Await((*greedy)[i])->has_sign());
  }
}

TEST_F(FaultyProgramTest, LostSessionsAndDevicesComeBack) {
  for (const char* rv :
       {"CKR_SESSION_HANDLE_INVALID", "CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED",
        "CKR_TOKEN_NOT_PRESENT", "CKR_USER_NOT_LOGGED_IN", "CKR_CRYPTOKI_NOT_INITIALIZED"}) {
    SCOPED_TRACE(rv);
    token_.Script(std::string("C_UnwrapKey error ") + rv + " times 1\n");
    const auto answer = client_->Call(Sign(1));
    if (!answer.ok()) {
      EXPECT_EQ(answer.error().code(), Code::kUnavailable) << answer.error().Describe();
    }
    token_.Script("");
    AwaitSignature();
  }
}

TEST_F(FaultyProgramTest, AnHsmThatStaysAwayIsUnavailableAndThenServesAgain) {
  token_.Script("C_UnwrapKey error CKR_DEVICE_REMOVED\nC_OpenSession error CKR_DEVICE_REMOVED\n");
  for (std::uint64_t number = 0; number < 5; ++number) {
    EXPECT_EQ(client_->Call(Sign(number)).error().code(), Code::kUnavailable);
  }
  EXPECT_NE(client_->GetStatus()->hsm_state(), "ready");
  token_.Script("");
  AwaitSignature();
}

TEST_F(FaultyProgramTest, ACrashInTheModuleEndsTheProcessAndLosesNothing) {
  token_.Script("C_Sign crash\n");
  EXPECT_EQ(client_->Call(Sign(1)).error().code(), Code::kUnavailable);
  EXPECT_NE(core_->Wait().signal, 0);
  token_.Script("");
  Start();
  AwaitSignature();
}

TEST_F(FaultyProgramTest, AWrongSignatureIsNeverReleased) {
  token_.Script("C_Sign corrupt times 40\n");
  for (std::uint64_t number = 0; number < 3; ++number) {
    const auto answer = client_->Call(Sign(number));
    if (answer.ok()) {
      ExpectSigned(key_, v1::ECDSA_SHA256, Digest(number), answer->sign().signatures(0));
    }
  }
}

}  // namespace
}  // namespace twinseal::core
