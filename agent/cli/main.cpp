#include <cstdlib>
#include <iostream>
#include <thread>

#include <unistd.h>

#include "agent/cli/program.h"
#include "common/base/standard_streams.h"

int main(int argc, char** argv) {
  twinseal::OpenStandardStreams();
  std::ios::sync_with_stdio(false);
  const twinseal::cli::Surroundings surroundings{
      .out = std::cout,
      .err = std::cerr,
      .in = STDIN_FILENO,
      .out_is_terminal = isatty(STDOUT_FILENO) == 1,
      .err_is_terminal = isatty(STDERR_FILENO) == 1,
      .environment = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        if (value == nullptr) return std::nullopt;
        return value;
      },
      .now = std::chrono::steady_clock::now,
      .pause = [](std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }};
  const std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  return static_cast<int>(
      twinseal::cli::Run(arguments, surroundings, twinseal::cli::ConnectRemote));
}
