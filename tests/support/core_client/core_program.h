// A twinseal-core under test: started as twinseald starts it, and waited for.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/base/unique_fd.h"
#include "firmware/core_protocol/exit_status.h"

namespace twinseal::test {

struct CoreArguments {
  std::filesystem::path program;
  std::filesystem::path data_dir;
  std::string module;
  std::string module_arguments;
  std::string token;
  unsigned sessions = 1;
  std::optional<std::string> pin;     // None: no --pin-fd.
  std::optional<std::string> so_pin;  // None: no --so-pin-fd.
  std::vector<std::string> more;      // Further flags.
};

// How a process ended.
struct CoreEnd {
  int signal = 0;       // 0 when it exited.
  int exit_status = 0;  // Of one that exited.

  bool With(core_protocol::CoreExit status) const {
    return signal == 0 && exit_status == static_cast<int>(status);
  }
};

// Inherits this process's environment; its log goes to a file below data_dir. Killed and waited for
// when the object dies. One thread at a time.
class CoreProgram {
 public:
  // Throws std::runtime_error when it cannot be started.
  explicit CoreProgram(const CoreArguments& arguments);
  ~CoreProgram();
  CoreProgram(const CoreProgram&) = delete;
  CoreProgram& operator=(const CoreProgram&) = delete;

  // Our end of its socket; given once.
  UniqueFd TakeSocket() { return std::move(socket_); }
  pid_t pid() const { return pid_; }

  void Kill();
  // Waits until it has ended.
  CoreEnd Wait();
  // What it has logged.
  std::string Log() const;

 private:
  UniqueFd socket_;
  pid_t pid_ = -1;
  std::optional<CoreEnd> end_;
  std::filesystem::path log_;
};

}  // namespace twinseal::test
