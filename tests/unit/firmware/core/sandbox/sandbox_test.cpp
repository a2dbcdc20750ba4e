#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/unique_fd.h"
#include "tests/support/temp_folder.h"

namespace twinseal::core {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr int kRefused = 4;

// A subject under way; its standard input and output are pipes.
class Subject {
 public:
  Subject(std::vector<std::string> arguments, const std::filesystem::path& folder,
          const std::vector<std::string>& environment = {}) {
    std::array<int, 2> in{};
    std::array<int, 2> out{};
    EXPECT_EQ(pipe2(in.data(), O_CLOEXEC), 0);
    EXPECT_EQ(pipe2(out.data(), O_CLOEXEC), 0);
    std::vector<char*> argv;
    std::string program = SUBJECT_PROGRAM;
    argv.push_back(program.data());
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    std::vector<std::string> variables = environment;
    std::vector<char*> envp;
    for (std::string& variable : variables) envp.push_back(variable.data());
    envp.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      if (chdir(folder.c_str()) != 0 || dup2(in[0], STDIN_FILENO) < 0 ||
          dup2(out[1], STDOUT_FILENO) < 0) {
        _exit(127);
      }
      execve(program.c_str(), argv.data(), envp.data());
      _exit(127);
    }
    in_ = UniqueFd(in[1]);
    out_ = UniqueFd(out[0]);
    close(in[0]);
    close(out[1]);
  }
  ~Subject() {
    if (pid_ > 0) Wait();
  }

  pid_t pid() const { return pid_; }

  void AwaitReady() {
    char byte = 0;
    ASSERT_EQ(read(out_.get(), &byte, 1), 1);
  }

  std::string Output() {
    std::string output;
    std::array<char, 512> buffer{};
    ssize_t count = 0;
    while ((count = read(out_.get(), buffer.data(), buffer.size())) > 0) {
      output.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return output;
  }

  // Lets it end, and tells how: its wait status.
  int Wait() {
    in_.Reset();
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_ = -1;
  UniqueFd in_;
  UniqueFd out_;
};

class SandboxTest : public testing::Test {
 protected:
  SandboxTest() { std::filesystem::permissions(folder_, std::filesystem::perms::all); }

  int Run(std::vector<std::string> arguments) {
    return Subject(std::move(arguments), folder_).Wait();
  }
  static void ExpectKilled(int status) {
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit status " << WEXITSTATUS(status);
    EXPECT_EQ(WTERMSIG(status), SIGSYS);
  }
  static void ExpectExit(int status, int expected) {
    ASSERT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
    EXPECT_EQ(WEXITSTATUS(status), expected);
  }

  const test::TempFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path();
};

TEST_F(SandboxTest, LetsFilesAndThreadsWork) { ExpectExit(Run({"closed", "work"}), 0); }

TEST_F(SandboxTest, KillsOnEachForbiddenCall) {
  for (const char* call : {"socket", "execve", "ptrace", "read-process", "mount"}) {
    SCOPED_TRACE(call);
    ExpectKilled(Run({"closed", call}));
  }
}

TEST_F(SandboxTest, TellsSyslogThatThereIsNoSocket) {
  ExpectExit(Run({"closed", "unix-socket"}), kRefused);
}

TEST_F(SandboxTest, TheSameCallsAreNotKilledOutside) {
  for (const char* call : {"socket", "unix-socket", "execve", "read-process", "fork"}) {
    SCOPED_TRACE(call);
    ExpectExit(Run({"open", call}), 0);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_F(SandboxTest, KillsOnANewProcess) { ExpectKilled(Run({"closed", "fork"})); }
#endif

TEST_F(SandboxTest, NobodyOfTheSameUserReadsItsMemory) {
  Subject open({"open", "wait"}, folder_);
  open.AwaitReady();
  Subject closed({"closed", "wait"}, folder_);
  closed.AwaitReady();
  for (const char* way : {"attach", "open-memory"}) {
    SCOPED_TRACE(way);
    // The way works in principle...
    ExpectExit(Run({"open", way, std::to_string(open.pid())}), 0);
    // ... but not here.
    ExpectExit(Run({"open", way, std::to_string(closed.pid())}), kRefused);
  }
}

TEST_F(SandboxTest, AnAbortLeavesNoCoreFile) {
  const int status = Run({"closed", "abort"});
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_FALSE(WCOREDUMP(status));
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(SandboxTest, ClosesWhatIsNotKept) {
  const UniqueFd kept(open("/dev/null", O_RDONLY));
  const UniqueFd leaked(open("/dev/null", O_RDONLY));
  const std::string output =
      Subject({"closed", "descriptors", std::to_string(kept.get())}, folder_).Output();
  EXPECT_EQ(output, "0 1 2 " + std::to_string(kept.get()) + " ");
}

TEST_F(SandboxTest, KeepsOnlyTheEnvironmentThatModulesNeed) {
  const std::string output =
      Subject({"closed", "environment"}, folder_,
              {"SOFTHSM2_CONF=/conf", "OPENSSL_CONF=/evil", "KEPT_BY_FLAG=1", "HSM_PIN=1234"})
          .Output();
  EXPECT_EQ(output, "SOFTHSM2_CONF=/conf\nKEPT_BY_FLAG=1\n");
}

}  // namespace
}  // namespace twinseal::core
