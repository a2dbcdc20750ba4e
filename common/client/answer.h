// What a call brought.
#pragma once

#include <cstddef>
#include <string>

namespace twinseal::client {

struct Answer {
  std::string body;      // The encoded message.
  std::size_t endpoint;  // Who gave it.
};

}  // namespace twinseal::client
