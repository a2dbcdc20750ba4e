// A child process that is read from and ends with its parent.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::etcd {

struct ChildCommand {
  std::string program;                   // A path.
  std::vector<std::string> arguments;    // Without the program's name.
  std::vector<std::string> environment;  // "NAME=VALUE", all of it.
  std::vector<int> files;                // The child has them as 3, 4 and so on, and no others.
};

// "/usr/bin/etcd" for a name that `path` (as PATH) leads to, or a path as it is; nothing when no
// such program can be run.
std::optional<std::string> FindProgram(const std::string& name, const std::string& path);

// One thread starts it, and the child is killed when that thread ends; the others as for one owner.
class ChildProcess {
 public:
  // Its standard output and error go to output(), its input is empty, its signals are as a fresh
  // process has them, in a group of its own. unavailable when the system refuses.
  static Result<ChildProcess> Spawn(const ChildCommand& command);
  ~ChildProcess();  // SIGKILL, and waits.
  ChildProcess(ChildProcess&&) = default;
  ChildProcess& operator=(ChildProcess&&) = delete;

  int pid() const { return pid_; }
  int output() const { return output_.get(); }  // To be read, without blocking.
  int handle() const { return handle_.get(); }  // Readable once it has ended.
  void Signal(int signal);
  // Blocks until it has ended: "exit status 1", "signal 9 (Killed)".
  std::string Wait();

 private:
  ChildProcess(pid_t pid, UniqueFd handle, UniqueFd output)
      : pid_(pid), handle_(std::move(handle)), output_(std::move(output)) {}

  pid_t pid_;
  UniqueFd handle_;  // Invalid when moved from.
  UniqueFd output_;
  std::string end_;
};

// All that the program prints, and that it ended well. failed_precondition when it fails, prints
// more than `limit` bytes or takes longer than `milliseconds`.
Result<std::string> OutputOf(const ChildCommand& command, std::size_t limit, int milliseconds);

}  // namespace twinseal::etcd
