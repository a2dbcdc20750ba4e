#include "firmware/core_protocol/frame.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "twinseal/v1/core.pb.h"

namespace twinseal::core_protocol {
namespace {

// Puts `bytes` into the decoder, at most `step` at a time, and gives the messages that came out.
std::vector<std::string> Feed(FrameDecoder& decoder, std::string_view bytes, std::size_t step) {
  std::vector<std::string> messages;
  while (!bytes.empty()) {
    const std::span<std::uint8_t> room = decoder.Writable();
    const std::size_t count = std::min({step, room.size(), bytes.size()});
    std::copy_n(bytes.begin(), count, room.begin());
    decoder.Commit(count);
    bytes.remove_prefix(count);
    while (true) {
      const auto message = decoder.Next();
      EXPECT_TRUE(message.ok());
      if (!message.ok() || !message->has_value()) break;
      messages.emplace_back(AsText(**message));
    }
  }
  return messages;
}

std::string Frame(std::string_view message) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame.push_back(static_cast<char>(message.size() >> shift & 0xff));
  }
  frame.append(message);
  return frame;
}

TEST(FrameDecoderTest, GivesTheSameMessagesHoweverTheBytesArrive) {
  const std::vector<std::string> sent = {
      "a", "", std::string(70'000, 'b'), "cd", std::string(300'000, 'e'), "f"};
  std::string stream;
  for (const std::string& message : sent) stream += Frame(message);
  for (const std::size_t step : {1UL, 3UL, 4096UL, 1'000'000UL}) {
    FrameDecoder decoder;
    EXPECT_EQ(Feed(decoder, stream, step), sent) << step;
    EXPECT_FALSE(decoder.mid_frame());
  }
}

TEST(FrameDecoderTest, TakesTheLongestMessageAndGivesItsRoomBack) {
  FrameDecoder decoder;
  const std::string longest(kMaxMessageBytes, 'x');
  EXPECT_EQ(Feed(decoder, Frame(longest), 1 << 20), std::vector<std::string>{longest});
  EXPECT_LE(decoder.Writable().size(), 2 * kReadChunkBytes);
  EXPECT_EQ(Feed(decoder, Frame("y"), 10), std::vector<std::string>{"y"});
}

TEST(FrameDecoderTest, RefusesALongerOneBeforeItsBytesArriveAndStaysRefusing) {
  FrameDecoder decoder;
  const std::vector<std::uint8_t> header = {0x00, 0x40, 0x00, 0x01};
  std::ranges::copy(header, decoder.Writable().begin());
  decoder.Commit(header.size());
  EXPECT_EQ(decoder.Next().error().code(), Code::kInvalidArgument);
  EXPECT_EQ(decoder.Next().error().code(), Code::kInvalidArgument);
  EXPECT_LE(decoder.Writable().size(), kMaxMessageBytes + 2 * kReadChunkBytes);
}

TEST(FrameDecoderTest, KnowsWhetherItIsInTheMiddleOfAFrame) {
  FrameDecoder decoder;
  EXPECT_FALSE(decoder.mid_frame());
  EXPECT_TRUE(Feed(decoder, Frame("abc").substr(0, 6), 6).empty());
  EXPECT_TRUE(decoder.mid_frame());
}

TEST(AppendFrameTest, WritesWhatTheDecoderReads) {
  v1::CoreResponse response;
  response.set_number(7);
  response.mutable_sign()->add_signatures("signature");
  std::string stream = "before";
  ASSERT_TRUE(AppendFrame(response, stream));
  FrameDecoder decoder;
  const std::vector<std::string> messages = Feed(decoder, stream.substr(6), 100);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0], response.SerializeAsString());
}

TEST(AppendFrameTest, RefusesAMessageThatIsTooLong) {
  v1::CoreResponse response;
  response.mutable_sign()->add_signatures(std::string(kMaxMessageBytes, 's'));
  std::string stream = "before";
  EXPECT_FALSE(AppendFrame(response, stream));
  EXPECT_EQ(stream, "before");
}

}  // namespace
}  // namespace twinseal::core_protocol
