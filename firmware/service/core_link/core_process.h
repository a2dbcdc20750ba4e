// The signing core as a child process: started with its sockets and descriptors, waited for, ended.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::service {

// How a process ended: by an exit status, or by a signal.
struct ProcessEnd {
  int exit_status = 0;
  int signal = 0;  // 0 when it exited.

  // "exit status 1", "signal 9 (Killed)"
  std::string Describe() const;
};

// A core that was started. One thread waits; any thread may call the others.
class CoreProcess {
 public:
  virtual ~CoreProcess() = default;

  // Our end of the socket; given once.
  virtual UniqueFd TakeSocket() = 0;
  // Blocks until the process has ended.
  virtual ProcessEnd Wait() = 0;
  // True when it has ended by then.
  virtual bool WaitFor(std::chrono::milliseconds time) = 0;
  // SIGKILL. Without effect after the end.
  virtual void Kill() = 0;
  virtual int pid() const = 0;
};

class CoreLauncher {
 public:
  virtual ~CoreLauncher() = default;
  virtual Result<std::unique_ptr<CoreProcess>> Launch() = 0;
};

// The descriptors that the core finds open, besides its standard ones.
inline constexpr int kCoreSocketFd = 3;
inline constexpr int kCorePinFd = 4;
inline constexpr int kCoreSoPinFd = 5;

// Starts the program with posix_spawn and nothing inherited but standard error and the descriptors
// above.
class ProgramLauncher : public CoreLauncher {
 public:
  struct Options {
    std::filesystem::path program;
    std::vector<std::string> arguments;  // Without the program's name.
    int pin_fd = -1;                     // Stays the caller's.
    int so_pin_fd = -1;
  };

  explicit ProgramLauncher(Options options) : options_(std::move(options)) {}

  Result<std::unique_ptr<CoreProcess>> Launch() override;

 private:
  Options options_;
};

}  // namespace twinseal::service
