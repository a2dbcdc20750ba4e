// How far a connected host is. For the files of this folder.
#pragma once

#include <chrono>

namespace twinseal::https {

// The shortest round trip that the kernel saw on this TCP connection in the last minutes; zero when
// it cannot tell. A busy program does not make it longer.
std::chrono::microseconds RoundTripOf(int socket);

}  // namespace twinseal::https
