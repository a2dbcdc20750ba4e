#include "firmware/core/channel/request_reader.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <sys/socket.h>

namespace twinseal::core {

Result<bool> RequestReader::ReadOnce(
    const std::function<void(std::vector<ReceivedRequest>)>& take) {
  const std::span<std::uint8_t> room = decoder_.Writable();
  const ssize_t count = recv(fd_, room.data(), room.size(), 0);
  if (count < 0) {
    if (errno == EINTR) return true;
    if (errno == ECONNRESET) return false;
    return Error(Code::kUnavailable,
                 fmt::format("reading requests from the socket failed: {}", std::strerror(errno)));
  }
  if (count == 0) {
    if (decoder_.mid_frame()) {
      return Error(Code::kInvalidArgument, "the peer closed the socket in the middle of a frame");
    }
    return false;
  }
  decoder_.Commit(static_cast<std::size_t>(count));
  std::vector<ReceivedRequest> group;
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<BytesView> message, decoder_.Next());
    if (!message) break;
    ReceivedRequest& received = group.emplace_back();
    received.bytes = message->size();
    if (!received.request.ParseFromArray(message->data(), static_cast<int>(message->size()))) {
      return Error(Code::kInvalidArgument, "a frame does not hold a request");
    }
    if (group.size() == kMaxGroup) {
      take(std::move(group));
      group = {};
    }
  }
  if (!group.empty()) take(std::move(group));
  return true;
}

}  // namespace twinseal::core
