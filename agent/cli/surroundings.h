// What the program gets from its process, in one place, so that a test can give it something else.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

namespace twinseal::cli {

struct Surroundings {
  std::ostream& out;
  std::ostream& err;
  int in = 0;  // A file descriptor: what `-` names.
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::string terminal = "/dev/tty";  // Where secrets are asked for.
  // Nothing when the variable is not set.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  // For what waits for other machines and other people: the time, and letting some of it go by.
  std::function<std::chrono::steady_clock::time_point()> now = {};
  std::function<void(std::chrono::milliseconds)> pause = {};
};

}  // namespace twinseal::cli
