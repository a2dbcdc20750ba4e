#include "firmware/service/core_link/core_link.h"

#include <future>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/unit/firmware/service/fake_core.h"

namespace twinseal::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class CoreLinkTest : public ::testing::Test {
 protected:
  CoreLinkTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    core_ = UniqueFd(ends[1]);
    link_ = std::make_unique<CoreLink>(UniqueFd(ends[0]), [this] { broken_.set_value(); });
  }

  std::future<Result<v1::CoreResponse>> Ask(v1::CoreRequest request,
                                            milliseconds time = seconds(30)) {
    auto promise = std::make_shared<std::promise<Result<v1::CoreResponse>>>();
    std::future<Result<v1::CoreResponse>> answer = promise->get_future();
    link_->Call(
        std::move(request), steady_clock::now() + time,
        [promise](Result<v1::CoreResponse> result) { promise->set_value(std::move(result)); });
    return answer;
  }

  static v1::CoreRequest SignRequest(const std::string& digest) {
    v1::CoreRequest request;
    request.mutable_sign()->add_digests(digest);
    return request;
  }

  v1::CoreRequest Receive() {
    std::string body;
    EXPECT_TRUE(ReadFrame(core_.get(), body));
    v1::CoreRequest request;
    EXPECT_TRUE(request.ParseFromString(body));
    return request;
  }

  void Answer(const v1::CoreRequest& request) {
    v1::CoreResponse response;
    response.set_number(request.number());
    response.mutable_sign()->add_signatures("signature of " + request.sign().digests(0));
    EXPECT_TRUE(WriteFrame(core_.get(), response.SerializeAsString()));
  }

  std::promise<void> broken_;
  UniqueFd core_;
  std::unique_ptr<CoreLink> link_;
};

TEST_F(CoreLinkTest, GivesEachAnswerToItsRequestWhateverTheOrder) {
  auto first = Ask(SignRequest("1"));
  auto second = Ask(SignRequest("2"));
  const v1::CoreRequest a = Receive();
  const v1::CoreRequest b = Receive();
  EXPECT_NE(a.number(), b.number());
  Answer(b);
  Answer(a);
  const Result<v1::CoreResponse> one = first.get();
  const Result<v1::CoreResponse> two = second.get();
  ASSERT_TRUE(one.ok());
  ASSERT_TRUE(two.ok());
  EXPECT_EQ(one->sign().signatures(0), "signature of 1");
  EXPECT_EQ(two->sign().signatures(0), "signature of 2");
  EXPECT_EQ(link_->in_flight(), 0U);
}

TEST_F(CoreLinkTest, TellsTheCoreHowLongItHas) {
  auto answer = Ask(SignRequest("x"), seconds(5));
  const v1::CoreRequest request = Receive();
  EXPECT_GT(request.deadline_ms(), 1000U);
  EXPECT_LE(request.deadline_ms(), 5000U);
  Answer(request);
  EXPECT_TRUE(answer.get().ok());
}

TEST_F(CoreLinkTest, GivesTheErrorThatTheCoreNames) {
  auto answer = Ask(SignRequest("x"));
  v1::CoreResponse response;
  response.set_number(Receive().number());
  response.mutable_failure()->set_code("resource_exhausted");
  response.mutable_failure()->set_message("the queue is full");
  response.mutable_failure()->set_origin("CKR_HOST_MEMORY");
  ASSERT_TRUE(WriteFrame(core_.get(), response.SerializeAsString()));
  const Result<v1::CoreResponse> result = answer.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(result.error().message(), "the queue is full");
  EXPECT_EQ(result.error().origin(), "CKR_HOST_MEMORY");
}

TEST_F(CoreLinkTest, GivesUpOnACoreThatNeverAnswersAndIgnoresItsLateAnswer) {
  auto late = Ask(SignRequest("late"), milliseconds(1));
  const v1::CoreRequest request = Receive();
  const Result<v1::CoreResponse> result = late.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kDeadlineExceeded);
  Answer(request);
  auto next = Ask(SignRequest("next"));
  Answer(Receive());
  EXPECT_TRUE(next.get().ok());
}

TEST_F(CoreLinkTest, FailsWhatIsInFlightWhenTheCoreDies) {
  auto answer = Ask(SignRequest("x"));
  Receive();
  core_.Reset();
  const Result<v1::CoreResponse> result = answer.get();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::kUnavailable);
  broken_.get_future().wait();
  const Result<v1::CoreResponse> later = Ask(SignRequest("y")).get();
  ASSERT_FALSE(later.ok());
  EXPECT_EQ(later.error().code(), Code::kUnavailable);
}

TEST_F(CoreLinkTest, BreaksOnAFrameThatIsTooLong) {
  auto answer = Ask(SignRequest("x"));
  Receive();
  const unsigned char head[] = {0xFF, 0xFF, 0xFF, 0xFF};
  ASSERT_EQ(send(core_.get(), head, sizeof head, MSG_NOSIGNAL), 4);
  EXPECT_FALSE(answer.get().ok());
  broken_.get_future().wait();
}

TEST_F(CoreLinkTest, BreaksOnAFrameThatIsNoMessage) {
  auto answer = Ask(SignRequest("x"));
  Receive();
  ASSERT_TRUE(WriteFrame(core_.get(), std::string(16, '\xFF')));
  EXPECT_FALSE(answer.get().ok());
  broken_.get_future().wait();
}

TEST_F(CoreLinkTest, RefusesMoreThanItsLimit) {
  std::vector<std::future<Result<v1::CoreResponse>>> waiting;
  // Nobody reads, so the socket fills up as well: what does not fit is kept and sent later.
  for (std::size_t i = 0; i < kMaxCoreRequests; ++i)
    waiting.push_back(Ask(SignRequest(std::string(100, 'd'))));
  const Result<v1::CoreResponse> refused = Ask(SignRequest("one more")).get();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  for (std::size_t i = 0; i < kMaxCoreRequests; ++i) Answer(Receive());
  for (auto& answer : waiting) EXPECT_TRUE(answer.get().ok());
}

TEST_F(CoreLinkTest, ServesManyThreadsAtOnce) {
  constexpr int kThreads = 4;
  constexpr int kEach = 500;
  std::thread core([this] {
    for (int i = 0; i < kThreads * kEach; ++i) Answer(Receive());
  });
  std::vector<std::thread> callers;
  for (int t = 0; t < kThreads; ++t) {
    callers.emplace_back([this, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string digest = std::to_string(t) + "/" + std::to_string(i);
        const Result<v1::CoreResponse> result = Ask(SignRequest(digest)).get();
        ASSERT_TRUE(result.ok());
        EXPECT_EQ(result->sign().signatures(0), "signature of " + digest);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  core.join();
}

}  // namespace
}  // namespace twinseal::service
