// What comes through the core's socket, in any pieces: frames, and the requests in them.
//
// The first byte says how many bytes come at a time. Oracles: the decoder gives the same messages
// however the stream is cut; a plain reader of the stream agrees with it; a message that is a
// request is one again after it was framed; what becomes a job has a known call and a deadline
// within the limits.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "firmware/core/channel/request_jobs.h"
#include "firmware/core_protocol/frame.h"

namespace {

using twinseal::core_protocol::FrameDecoder;
using twinseal::core_protocol::kFrameHeaderBytes;
using twinseal::core_protocol::kMaxMessageBytes;

void Require(bool holds) {
  if (!holds) std::abort();
}

struct Reading {
  std::vector<std::string> messages;
  bool refused = false;
  bool unfinished = false;

  friend bool operator==(const Reading&, const Reading&) = default;
};

Reading Decode(twinseal::BytesView stream, std::size_t step) {
  Reading reading;
  FrameDecoder decoder;
  while (!stream.empty() && !reading.refused) {
    const auto room = decoder.Writable();
    Require(!room.empty());
    const std::size_t count = std::min({step, room.size(), stream.size()});
    std::copy_n(stream.begin(), count, room.begin());
    decoder.Commit(count);
    stream = stream.subspan(count);
    while (true) {
      const auto message = decoder.Next();
      reading.refused = !message.ok();
      if (!message.ok() || !message->has_value()) break;
      reading.messages.emplace_back(twinseal::AsText(**message));
    }
  }
  reading.unfinished = !reading.refused && decoder.mid_frame();
  return reading;
}

// The same in the plainest way.
Reading ReadPlainly(twinseal::BytesView stream) {
  Reading reading;
  while (stream.size() >= kFrameHeaderBytes) {
    std::size_t length = 0;
    for (std::size_t i = 0; i < kFrameHeaderBytes; ++i) length = length << 8 | stream[i];
    if (length > kMaxMessageBytes) {
      reading.refused = true;
      return reading;
    }
    if (stream.size() - kFrameHeaderBytes < length) break;
    reading.messages.emplace_back(twinseal::AsText(stream.subspan(kFrameHeaderBytes, length)));
    stream = stream.subspan(kFrameHeaderBytes + length);
  }
  reading.unfinished = !stream.empty();
  return reading;
}

void CheckRequest(const std::string& message) {
  twinseal::core::ReceivedRequest received;
  received.bytes = message.size();
  if (!received.request.ParseFromString(message)) return;
  std::string frame;
  Require(twinseal::core_protocol::AppendFrame(received.request, frame));
  const Reading again = Decode(twinseal::AsBytes(frame), frame.size());
  Require(again.messages.size() == 1 && !again.unfinished);
  twinseal::v1::CoreRequest copy;
  Require(copy.ParseFromString(again.messages[0]));
  Require(copy.number() == received.request.number());
  Require(copy.call_case() == received.request.call_case());

  if (received.request.has_status()) return;
  const auto now = twinseal::core::Clock::now();
  const auto job = twinseal::core::MakeJob(std::move(received), now);
  if (!job.ok()) {
    Require(!job.error().message().empty());
    return;
  }
  Require((*job)->deadline > now && (*job)->deadline <= now + twinseal::core::kMaxDeadline);
  Require((*job)->request.call_case() == copy.call_case());
  Require((*job)->joinable_items <= static_cast<std::size_t>(twinseal::core::kMaxDigests));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const twinseal::BytesView stream(data + 1, size - 1);
  const Reading whole = Decode(stream, stream.size());
  Require(whole == ReadPlainly(stream));
  Require(whole == Decode(stream, std::size_t{data[0]} + 1));
  for (const std::string& message : whole.messages) CheckRequest(message);
  return 0;
}
