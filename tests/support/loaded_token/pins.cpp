#include "tests/support/loaded_token/pins.h"

#include <array>
#include <cstdio>
#include <memory>
#include <stdexcept>

namespace twinseal::test {

std::vector<std::string> ReadPins(int descriptor) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(fdopen(descriptor, "r"), std::fclose);
  if (file == nullptr) throw std::runtime_error("the PIN cannot be read");
  std::vector<std::string> pins;
  for (std::array<char, 256> line{}; std::fgets(line.data(), line.size(), file.get()) != nullptr;) {
    pins.emplace_back(line.data());
    while (pins.back().ends_with('\n')) pins.back().pop_back();
  }
  return pins;
}

}  // namespace twinseal::test
