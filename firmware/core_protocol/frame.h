// Frames between twinseald and twinseal-core: a 4-byte big-endian length, then that many bytes of
// one protobuf message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace google::protobuf {
class MessageLite;
}

namespace twinseal::core_protocol {

inline constexpr std::size_t kFrameHeaderBytes = 4;

// The longest message. The largest honest one is a batch: 1,024 digests of 64 bytes are 66 KiB,
// 1,024 RSA-4096 signatures are 516 KiB; 4 MiB leaves room for long Ed25519 messages and bounds
// what a peer can make us allocate.
inline constexpr std::size_t kMaxMessageBytes = std::size_t{4} << 20;

// How much is asked of one read(2): hundreds of ordinary requests.
inline constexpr std::size_t kReadChunkBytes = std::size_t{64} << 10;

// Cuts a stream of bytes into messages without copying them. One thread at a time.
//
//   std::span<std::uint8_t> room = decoder.Writable();
//   decoder.Commit(read(fd, room.data(), room.size()));
//   while (auto message = *decoder.Next()) Handle(*message);
class FrameDecoder {
 public:
  // Where the next bytes go; at least one byte, as a rule kReadChunkBytes. Ends the life of the
  // views that Next gave.
  std::span<std::uint8_t> Writable();
  // `count` bytes were put there.
  void Commit(std::size_t count);

  // The next whole message; nothing when more bytes are needed. invalid_argument for a length above
  // kMaxMessageBytes, after which the stream has lost its meaning and every call gives the same
  // error.
  Result<std::optional<BytesView>> Next();

  // Whether bytes of an unfinished frame are held.
  bool mid_frame() const { return begin_ != end_; }

 private:
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Appends the frame of `message` to `out`. False when it is longer than kMaxMessageBytes; then
// nothing is appended.
[[nodiscard]] bool AppendFrame(const google::protobuf::MessageLite& message, std::string& out);

}  // namespace twinseal::core_protocol
