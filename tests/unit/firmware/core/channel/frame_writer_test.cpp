#include "firmware/core/channel/frame_writer.h"

#include <array>
#include <optional>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "common/base/unique_fd.h"
#include "firmware/core_protocol/frame.h"

namespace twinseal::core {
namespace {

class FrameWriterTest : public testing::Test {
 protected:
  FrameWriterTest() {
    std::array<int, 2> pair{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()), 0);
    ours_ = UniqueFd(pair[0]);
    theirs_ = UniqueFd(pair[1]);
  }

  // The peer's next response; nothing when the stream has ended.
  std::optional<v1::CoreResponse> Read() {
    while (true) {
      const auto message = decoder_.Next();
      EXPECT_TRUE(message.ok());
      if (message->has_value()) {
        v1::CoreResponse response;
        EXPECT_TRUE(
            response.ParseFromArray((*message)->data(), static_cast<int>((*message)->size())));
        return response;
      }
      const auto room = decoder_.Writable();
      const ssize_t count = recv(theirs_.get(), room.data(), room.size(), 0);
      if (count <= 0) return std::nullopt;
      decoder_.Commit(static_cast<std::size_t>(count));
    }
  }

  static v1::CoreResponse Response(std::uint64_t number, std::size_t bytes = 70) {
    v1::CoreResponse response;
    response.set_number(number);
    response.mutable_sign()->add_signatures(std::string(bytes, 's'));
    return response;
  }

  UniqueFd ours_;
  UniqueFd theirs_;
  core_protocol::FrameDecoder decoder_;
};

TEST_F(FrameWriterTest, SendsManyResponsesInOrder) {
  FrameWriter writer(ours_.get());
  const std::vector<v1::CoreResponse> sent = {Response(1), Response(2), Response(3)};
  writer.Answer(sent);
  for (std::uint64_t number = 1; number <= 3; ++number) EXPECT_EQ(Read()->number(), number);
}

TEST_F(FrameWriterTest, APeerThatDoesNotReadHoldsNobodyUpAndLosesNothing) {
  FrameWriter writer(ours_.get());
  constexpr std::uint64_t kResponses = 3000;
  // Three megabytes, which no socket buffer takes; Answer returns all the same.
  for (std::uint64_t number = 0; number < kResponses; ++number) {
    writer.Answer(std::vector{Response(number, 1000)});
  }
  std::thread reader([this] {
    for (std::uint64_t number = 0; number < kResponses; ++number) {
      EXPECT_EQ(Read()->number(), number);
    }
  });
  writer.AwaitRoom();
  writer.Flush();
  reader.join();
}

TEST_F(FrameWriterTest, ResponsesOfManyThreadsStayWhole) {
  FrameWriter writer(ours_.get());
  std::vector<std::thread> threads;
  constexpr std::uint64_t kEach = 500;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&writer, thread] {
      for (std::uint64_t i = 0; i < kEach; ++i) {
        writer.Answer(std::vector{Response(thread * kEach + i)});
      }
    });
  }
  std::vector<bool> seen(4 * kEach, false);
  for (std::size_t i = 0; i < seen.size(); ++i) seen[Read()->number()] = true;
  EXPECT_EQ(seen, std::vector<bool>(4 * kEach, true));
  for (std::thread& thread : threads) thread.join();
}

TEST_F(FrameWriterTest, APeerThatIsGoneIsNoTrouble) {
  FrameWriter writer(ours_.get());
  theirs_.Reset();
  writer.Answer(std::vector{Response(1)});
  writer.Answer(std::vector{Response(2)});
  writer.AwaitRoom();
  writer.Flush();
}

TEST_F(FrameWriterTest, AnAnswerThatIsTooLongBecomesAFailure) {
  FrameWriter writer(ours_.get());
  writer.Answer(std::vector{Response(5, core_protocol::kMaxMessageBytes)});
  const auto response = Read();
  EXPECT_EQ(response->number(), 5U);
  EXPECT_EQ(response->failure().code(), "internal");
}

}  // namespace
}  // namespace twinseal::core
