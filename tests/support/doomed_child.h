// A child process that does something until it is killed with SIGKILL, telling what it has
// finished. For tests of what survives a crash. Call while the test has no threads.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <set>
#include <stdexcept>

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace twinseal::test {

// Runs `body` in a child. It calls its argument, from any thread, with the number of each step that
// it finished. Once `enough` steps were told the child is killed. All the steps that it told come
// back; it may have finished more.
inline std::set<std::uint64_t> RunAndKill(
    std::size_t enough,
    const std::function<void(const std::function<void(std::uint64_t)>&)>& body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("pipe failed");
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const pid_t child = fork();
  if (child < 0) throw std::runtime_error("fork failed");
  if (child == 0) {
    out.Reset();
    // Eight bytes at once: a pipe takes them whole or not at all.
    body([&](std::uint64_t step) {
      if (write(in.get(), &step, sizeof step) != sizeof step) _exit(2);
    });
    _exit(1);  // Not killed: too few steps were asked for, or it gave up.
  }
  in.Reset();
  std::set<std::uint64_t> told;
  std::uint64_t step = 0;
  while (read(out.get(), &step, sizeof step) == sizeof step) {
    told.insert(step);
    // The loop goes on until the pipe is empty and closed.
    if (told.size() == enough) kill(child, SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
    throw std::runtime_error("the child ended by itself");
  return told;
}

}  // namespace twinseal::test
