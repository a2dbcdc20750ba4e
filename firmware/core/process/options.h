// The flags of twinseal-core.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace twinseal::core {

// The most HSM sessions that are worth having: beyond the number of processors a software token
// only waits for its own locks, and network HSMs are rarely faster with more.
inline constexpr unsigned kMaxSessions = 64;

struct Options {
  int channel_fd = -1;
  std::filesystem::path data_dir;
  std::string site;
  std::string module_path;
  std::string module_arguments;
  std::vector<std::string> module_environment;
  std::string token;
  unsigned sessions = 2;
  std::optional<int> pin_fd;
  std::optional<int> so_pin_fd;
  bool initialize = false;
  std::string log_level = "info";
};

// What the command line asks for. When it is wrong, or asks for help, the text is printed and
// nothing comes back; `exit_status` is then what the process is to exit with.
std::optional<Options> ParseOptions(int argc, char** argv, int& exit_status);

}  // namespace twinseal::core
