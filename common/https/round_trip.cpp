#include "common/https/round_trip.h"

// Not <netinet/tcp.h>, whose tcp_info ends before tcpi_min_rtt.
#include <cstddef>
#include <cstdint>

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace twinseal::https {

std::chrono::microseconds RoundTripOf(int socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  constexpr std::size_t kNeeded = offsetof(tcp_info, tcpi_min_rtt) + sizeof(info.tcpi_min_rtt);
  if (getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < kNeeded) return {};
  // What the kernel says before it has seen one.
  constexpr std::uint32_t kNone = ~std::uint32_t{0};
  return std::chrono::microseconds(info.tcpi_min_rtt == kNone ? 0 : info.tcpi_min_rtt);
}

}  // namespace twinseal::https
