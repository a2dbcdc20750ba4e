// The socket: malformed input, overload, and the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/firmware/core/process/program_fixture.h"

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;

class ProtocolProgramTest : public ProgramTest {
 protected:
  void SetUp() override {
    SetTokenUp();
    Start();
  }
};

TEST_F(ProtocolProgramTest, EndsOnAFrameThatIsNone) {
  ASSERT_TRUE(client_->SendRaw(std::string("\xff\xff\xff\xff", 4)).ok());
  EXPECT_TRUE(client_->AtEnd());
  EXPECT_TRUE(core_->Wait().With(CoreExit::kProtocolError));
  EXPECT_THAT(core_->Log(), testing::HasSubstr("4294967295 bytes"));
}

TEST_F(ProtocolProgramTest, EndsOnAFrameThatHoldsNoRequest) {
  ASSERT_TRUE(client_->SendRaw(std::string("\0\0\0\x02\xff\xff", 6)).ok());
  EXPECT_TRUE(core_->Wait().With(CoreExit::kProtocolError));
}

TEST_F(ProtocolProgramTest, EndsOnACutFrame) {
  ASSERT_TRUE(client_->SendRaw(std::string("\0\0\0\x09\x08", 5)).ok());
  client_->Close();
  EXPECT_TRUE(core_->Wait().With(CoreExit::kProtocolError));
}

TEST_F(ProtocolProgramTest, AnswersWhatWasAcceptedBeforeItEnds) {
  const v1::KeyHeader key = MakeKey();
  std::vector<v1::CoreRequest> requests;
  for (std::uint64_t i = 0; i < 20; ++i) {
    requests.push_back(test::SignRequestFor(key, v1::ECDSA_SHA256, {Digest(i)}));
  }
  const auto numbers = client_->StartAll(std::move(requests));
  ASSERT_TRUE(numbers.ok());
  client_->CloseSending();
  for (const std::uint64_t number : *numbers) {
    const auto answer = client_->Await(number);
    ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(answer->has_sign());
  }
  EXPECT_TRUE(core_->Wait().With(CoreExit::kDone));
}

TEST_F(ProtocolProgramTest, RefusesRequestsThatMakeNoSenseAndGoesOn) {
  EXPECT_EQ(client_->Call(v1::CoreRequest()).error().code(), Code::kInvalidArgument);
  v1::CoreRequest initialize;
  initialize.mutable_initialize();
  EXPECT_EQ(client_->Call(std::move(initialize)).error().code(), Code::kFailedPrecondition);
  EXPECT_TRUE(client_->GetStatus().ok());
}

}  // namespace
}  // namespace twinseal::core
