#include "common/etcd/wire.h"

#include <gmock/gmock.h>

#include "common/etcd/etcd.pb.h"
#include "tests/support/results.h"

namespace twinseal::etcd {
namespace {

using test::FailsWith;

https::Answer AnswerWith(int status, const std::vector<std::string>& lines) {
  https::Answer answer{status, "application/grpc", ""};
  for (const std::string& line : lines) answer.fields.Add(line);
  return answer;
}

TEST(WireTest, MessagesAreTakenOffWhatCame) {
  PutRequest first;
  first.set_key("/a");
  PutRequest second;
  second.set_key("/b");
  const std::string both = ToFrame(first).value() + ToFrame(second).value();
  std::string came;
  std::vector<std::string> keys;
  for (const char byte : both) {
    came.push_back(byte);
    const std::optional<std::string> message = TakeFrame(came).value();
    if (!message) continue;
    PutRequest read;
    ASSERT_TRUE(Parse(*message, read).ok());
    keys.push_back(read.key());
  }
  EXPECT_THAT(keys, testing::ElementsAre("/a", "/b"));
  EXPECT_EQ(came, "");
}

TEST(WireTest, AnEmptyMessageIsOne) {
  std::string came = ToFrame(StatusRequest()).value();
  EXPECT_EQ(came, std::string(5, '\0'));
  EXPECT_EQ(TakeFrame(came).value(), "");
}

TEST(WireTest, WhatIsNoMessageIsRefused) {
  std::string page = "<html>not here</html>";
  EXPECT_THAT(TakeFrame(page), FailsWith(Code::kUnavailable, "not its API's"));
  std::string endless("\0\xff\xff\xff\xff", 5);
  EXPECT_THAT(TakeFrame(endless), FailsWith(Code::kUnavailable, "not its API's"));
  PutRequest request;
  EXPECT_THAT(Parse("\xff", request), FailsWith(Code::kUnavailable, "not its API's"));
}

TEST(WireTest, AnAnswerSaysHowItWent) {
  EXPECT_TRUE(StatusOf(AnswerWith(200, {"grpc-status: 0"})).ok());
  EXPECT_THAT(StatusOf(AnswerWith(200, {})), FailsWith(Code::kUnavailable, "not its API's"));
  EXPECT_THAT(StatusOf(AnswerWith(404, {"grpc-status: 0"})),
              FailsWith(Code::kUnavailable, "not its API's"));
  EXPECT_THAT(StatusOf(AnswerWith(200, {"grpc-status: 11", "grpc-message: compacted"})),
              FailsWith(Code::kOutOfRange, "etcd says: compacted"));
  EXPECT_THAT(StatusOf(AnswerWith(200, {"grpc-status: 14", "grpc-message: 5%25 %C3%A4 %zz %4"})),
              FailsWith(Code::kUnavailable, "etcd says: 5% ä %zz %4"));
}

}  // namespace
}  // namespace twinseal::etcd
