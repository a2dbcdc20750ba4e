#include "firmware/core/channel/request_jobs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinseal::core {
namespace {

using testing::StartsWith;

ReceivedRequest SignRequest() {
  ReceivedRequest received;
  received.bytes = 123;
  v1::CoreSignRequest& sign = *received.request.mutable_sign();
  sign.set_key_id(std::string(KeyId::kSize, 'k'));
  sign.set_version(3);
  sign.set_caller("application/web");
  sign.add_digests(std::string(32, 'd'));
  return received;
}

std::string RefusalOf(ReceivedRequest received) {
  const auto job = MakeJob(std::move(received), Clock::now());
  if (job.ok()) return "taken";
  EXPECT_EQ(job.error().code(), Code::kInvalidArgument);
  return job.error().message();
}

TEST(MakeJobTest, ReadsWhatTheQueueHasToKnow) {
  ReceivedRequest received = SignRequest();
  received.request.set_deadline_ms(1500);
  received.request.mutable_sign()->add_digests(std::string(32, 'e'));
  const Clock::time_point now = Clock::now();
  const auto job = MakeJob(std::move(received), now);
  ASSERT_TRUE(job.ok());
  EXPECT_EQ((*job)->caller, "application/web");
  EXPECT_EQ(Number((*job)->line.version), 3U);
  EXPECT_EQ((*job)->joinable_items, 2U);
  EXPECT_EQ((*job)->bytes, 123U);
  EXPECT_EQ((*job)->deadline, now + std::chrono::milliseconds(1500));
}

TEST(MakeJobTest, GivesEveryRequestADeadline) {
  const Clock::time_point now = Clock::now();
  EXPECT_EQ((*MakeJob(SignRequest(), now))->deadline, now + kDefaultDeadline);
  ReceivedRequest patient = SignRequest();
  patient.request.set_deadline_ms(4'000'000'000U);
  EXPECT_EQ((*MakeJob(std::move(patient), now))->deadline, now + kMaxDeadline);
}

TEST(MakeJobTest, RefusesWhatCannotBeAndNamesTheField) {
  ReceivedRequest received = SignRequest();
  received.request.mutable_sign()->set_key_id("short");
  EXPECT_THAT(RefusalOf(std::move(received)), StartsWith("sign.key_id"));

  received = SignRequest();
  received.request.mutable_sign()->set_version(0);
  EXPECT_THAT(RefusalOf(std::move(received)), StartsWith("sign.version"));

  received = SignRequest();
  received.request.mutable_sign()->clear_digests();
  EXPECT_THAT(RefusalOf(std::move(received)), StartsWith("sign.digests"));

  received = SignRequest();
  for (int i = 0; i < kMaxDigests; ++i) received.request.mutable_sign()->add_digests("d");
  EXPECT_THAT(RefusalOf(std::move(received)), StartsWith("sign.digests"));

  received = SignRequest();
  received.request.mutable_sign()->set_caller(std::string(kMaxCallerBytes + 1, 'c'));
  EXPECT_THAT(RefusalOf(std::move(received)), StartsWith("sign.caller"));

  received = ReceivedRequest();
  received.request.mutable_generate();
  EXPECT_THAT(RefusalOf(std::move(received)), StartsWith("generate.header.key_id"));

  received = ReceivedRequest();
  received.request.mutable_erase()->set_key_id(std::string(17, 'k'));
  EXPECT_THAT(RefusalOf(std::move(received)), StartsWith("erase.key_id"));

  EXPECT_THAT(RefusalOf(ReceivedRequest()), StartsWith("call"));
}

TEST(MakeJobTest, RefusesToSetUpATokenWhileServing) {
  std::vector<ReceivedRequest> requests(4);
  requests[0].request.mutable_initialize();
  requests[1].request.mutable_make_transport_key();
  requests[2].request.mutable_take_domain();
  requests[3].request.mutable_drop_domain();
  for (ReceivedRequest& received : requests) {
    const auto job = MakeJob(std::move(received), Clock::now());
    ASSERT_FALSE(job.ok());
    EXPECT_EQ(job.error().code(), Code::kFailedPrecondition);
    EXPECT_THAT(job.error().message(), testing::HasSubstr("--initialize"));
  }
}

TEST(MakeJobTest, TakesWhatTheDomainIsAskedFor) {
  std::vector<ReceivedRequest> requests(4);
  requests[0].request.mutable_sign_as_identity();
  requests[1].request.mutable_wrap_domain();
  requests[2].request.mutable_prove_domain();
  requests[3].request.mutable_derive_secret();
  for (ReceivedRequest& received : requests) {
    const auto job = MakeJob(std::move(received), Clock::now());
    ASSERT_TRUE(job.ok());
    EXPECT_EQ((*job)->line, Line());
    EXPECT_EQ((*job)->joinable_items, 0U);
    EXPECT_EQ((*job)->patience, kKeyPatience);
  }
}

}  // namespace
}  // namespace twinseal::core
