#include "firmware/core/channel/request_reader.h"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include "common/base/unique_fd.h"

namespace twinseal::core {
namespace {

using testing::Each;
using testing::Le;
using testing::SizeIs;

class RequestReaderTest : public testing::Test {
 protected:
  RequestReaderTest() {
    std::array<int, 2> pair{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    ours_ = UniqueFd(pair[0]);
    theirs_ = UniqueFd(pair[1]);
  }

  void Send(std::string_view bytes) {
    ASSERT_EQ(send(theirs_.get(), bytes.data(), bytes.size(), 0),
              static_cast<ssize_t>(bytes.size()));
  }
  static std::string Frame(std::uint64_t number) {
    v1::CoreRequest request;
    request.set_number(number);
    request.mutable_status();
    std::string frame;
    EXPECT_TRUE(core_protocol::AppendFrame(request, frame));
    return frame;
  }

  // Reads once; what came is appended to `numbers`.
  Result<bool> ReadOnce() {
    return reader_->ReadOnce([this](std::vector<ReceivedRequest> group) {
      groups_.push_back(group.size());
      for (const ReceivedRequest& received : group) numbers_.push_back(received.request.number());
    });
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  std::unique_ptr<RequestReader> reader_;
  std::vector<std::size_t> groups_;
  std::vector<std::uint64_t> numbers_;

  void SetUp() override { reader_ = std::make_unique<RequestReader>(ours_.get()); }
};

TEST_F(RequestReaderTest, GivesManyRequestsOfOneReadInGroups) {
  std::string stream;
  for (std::uint64_t number = 1; number <= 150; ++number) stream += Frame(number);
  Send(stream);
  EXPECT_TRUE(*ReadOnce());
  EXPECT_THAT(numbers_, SizeIs(150));
  EXPECT_EQ(numbers_.back(), 150U);
  EXPECT_THAT(groups_, Each(Le(RequestReader::kMaxGroup)));
}

TEST_F(RequestReaderTest, WaitsForTheRestOfAFrame) {
  const std::string frame = Frame(7);
  Send(frame.substr(0, 5));
  EXPECT_TRUE(*ReadOnce());
  EXPECT_THAT(numbers_, SizeIs(0));
  Send(frame.substr(5));
  EXPECT_TRUE(*ReadOnce());
  EXPECT_THAT(numbers_, testing::ElementsAre(7));
}

TEST_F(RequestReaderTest, TellsTheEndFromACutFrame) {
  Send(Frame(1));
  EXPECT_TRUE(*ReadOnce());
  Send(Frame(2).substr(0, 3));
  EXPECT_TRUE(*ReadOnce());
  theirs_.Reset();
  EXPECT_EQ(ReadOnce().error().code(), Code::kInvalidArgument);
}

TEST_F(RequestReaderTest, EndsWithThePeer) {
  theirs_.Reset();
  EXPECT_FALSE(*ReadOnce());
}

TEST_F(RequestReaderTest, RefusesWhatIsNoRequest) {
  Send(std::string("\0\0\0\x02\xff\xff", 6));
  EXPECT_EQ(ReadOnce().error().code(), Code::kInvalidArgument);
}

TEST_F(RequestReaderTest, RefusesALengthBeyondTheLimit) {
  Send(std::string("\x7f\xff\xff\xff", 4));
  EXPECT_EQ(ReadOnce().error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace twinseal::core
