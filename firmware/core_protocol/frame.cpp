#include "firmware/core_protocol/frame.h"

#include <algorithm>

#include <fmt/format.h>
#include <google/protobuf/message_lite.h>

#include "common/base/big_endian.h"

namespace twinseal::core_protocol {
namespace {

std::size_t ReadLength(const std::uint8_t* header) {
  return ReadBigEndian<std::uint32_t>({header, kFrameHeaderBytes});
}

}  // namespace

std::span<std::uint8_t> FrameDecoder::Writable() {
  const std::size_t held = end_ - begin_;
  // What must fit: the rest of the frame that has begun, however long it is.
  std::size_t needed = kFrameHeaderBytes;
  if (held >= kFrameHeaderBytes) {
    const std::size_t length = std::min(ReadLength(&buffer_[begin_]), kMaxMessageBytes);
    needed = std::max<std::size_t>(1, kFrameHeaderBytes + length - std::min(held, length));
  }
  if (begin_ > 0 && buffer_.size() - end_ < std::max(needed, kReadChunkBytes)) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    begin_ = 0;
    end_ = held;
  }
  const std::size_t size = std::max(2 * kReadChunkBytes, held + needed);
  if (buffer_.size() - end_ < needed) {
    buffer_.resize(size);
  } else if (held == 0 && buffer_.size() > size) {
    // A long frame's room is given back.
    buffer_.resize(size);
    buffer_.shrink_to_fit();
  }
  return {buffer_.data() + end_, buffer_.size() - end_};
}

void FrameDecoder::Commit(std::size_t count) { end_ += count; }

Result<std::optional<BytesView>> FrameDecoder::Next() {
  const std::size_t held = end_ - begin_;
  if (held < kFrameHeaderBytes) return std::optional<BytesView>{};
  const std::size_t length = ReadLength(&buffer_[begin_]);
  if (length > kMaxMessageBytes) {
    return Error(
        Code::kInvalidArgument,
        fmt::format("a frame of {} bytes was announced; the most is {}", length, kMaxMessageBytes));
  }
  if (held - kFrameHeaderBytes < length) return std::optional<BytesView>{};
  const BytesView message(buffer_.data() + begin_ + kFrameHeaderBytes, length);
  begin_ += kFrameHeaderBytes + length;
  if (begin_ == end_) begin_ = end_ = 0;
  return std::optional<BytesView>{message};
}

bool AppendFrame(const google::protobuf::MessageLite& message, std::string& out) {
  const std::size_t length = message.ByteSizeLong();
  if (length > kMaxMessageBytes) return false;
  const std::size_t start = out.size();
  out.resize(start + kFrameHeaderBytes + length);
  auto* const frame = reinterpret_cast<std::uint8_t*>(out.data() + start);
  frame[0] = static_cast<std::uint8_t>(length >> 24);
  frame[1] = static_cast<std::uint8_t>(length >> 16);
  frame[2] = static_cast<std::uint8_t>(length >> 8);
  frame[3] = static_cast<std::uint8_t>(length);
  message.SerializeWithCachedSizesToArray(frame + kFrameHeaderBytes);
  return true;
}

}  // namespace twinseal::core_protocol
