// Addresses, kept ports, files in memory and child processes.
#include <csignal>
#include <cstdlib>
#include <fstream>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/syscall.h>

#include "common/etcd/address.h"
#include "common/etcd/child_process.h"
#include "common/etcd/memory_file.h"
#include "tests/support/doomed_child.h"
#include "tests/support/results.h"

namespace twinseal::etcd {
namespace {

using test::FailsWith;

TEST(Address, IsReadAndWritten) {
  const Address v4 = ParseAddress("192.0.2.1:2380", "x").value();
  EXPECT_EQ(v4.host, "192.0.2.1");
  EXPECT_EQ(v4.port, 2380);
  EXPECT_EQ(v4.Text(), "192.0.2.1:2380");
  const Address v6 = ParseAddress("[::1]:2380", "x").value();
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.Text(), "[::1]:2380");
  for (const char* const wrong : {"", ":1", "a", "a:", "a:x", "a:65536", "::1:2380", "[]:1",
                                  "[::1:1", "https://a:1", "a b:1", "a,b:1"}) {
    EXPECT_THAT(ParseAddress(wrong, "peer_address"),
                FailsWith(Code::kInvalidArgument, "peer_address is"));
  }
}

TEST(KeptPort, IsNobodyElsesAndIsListenedOn) {
  const KeptPort kept = KeptPort::On("127.0.0.1").value();
  for (int i = 0; i < 100; ++i) EXPECT_NE(KeptPort::On("127.0.0.1")->number(), kept.number());
  EXPECT_FALSE(KeptPort::On("localhost").ok());
}

TEST(MemoryFile, IsReplacedInPlace) {
  const auto text = [](std::string_view words) { return Secret(AsBytes(words)); };
  MemoryFile file = MemoryFile::Make("test", text("a longer text\n")).value();
  const auto read = [&file] {
    std::ifstream in(fmt::format("/proc/self/fd/{}", file.fd()));
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  EXPECT_EQ(read(), "a longer text\n");
  ASSERT_TRUE(file.Replace(text("short\n")).ok());
  EXPECT_EQ(read(), "short\n\n\n\n\n\n\n\n\n");
  ASSERT_TRUE(file.Replace(text("an even longer text\n")).ok());
  EXPECT_EQ(read(), "an even longer text\n");
}

ChildCommand Shell(const std::string& script) {
  return {.program = "/bin/sh", .arguments = {"-c", script}, .environment = {}, .files = {}};
}

TEST(ChildProcess, AnAnswerIsRead) {
  EXPECT_EQ(OutputOf(Shell("echo one; echo two >&2"), 100, 60'000).value(), "one\ntwo\n");
  EXPECT_THAT(OutputOf(Shell("echo oh; exit 3"), 100, 60'000),
              FailsWith(Code::kFailedPrecondition, "/bin/sh ended with exit status 3: oh"));
  EXPECT_THAT(OutputOf(Shell("echo too much"), 3, 60'000),
              FailsWith(Code::kFailedPrecondition, "prints too much"));
  EXPECT_THAT(OutputOf(Shell("read x < /dev/zero"), 100, 50),
              FailsWith(Code::kFailedPrecondition, "does not answer"));
  EXPECT_THAT(OutputOf(Shell("exec >&- 2>&-; read x < /dev/zero"), 100, 50),
              FailsWith(Code::kFailedPrecondition, "does not end"));
}

TEST(ChildProcess, APathIsSearched) {
  EXPECT_EQ(FindProgram("sh", "/nowhere::/bin").value(), "/bin/sh");
  EXPECT_FALSE(FindProgram("sh", "/nowhere").has_value());
  EXPECT_EQ(FindProgram("/bin/sh", "").value(), "/bin/sh");
  EXPECT_FALSE(FindProgram("/bin", "").has_value());
}

TEST(ChildProcess, EndsWithItsParent) {
  const auto told = test::RunAndKill(1, [](const auto& tell) {
    const auto child = ChildProcess::Spawn(Shell("read x < /dev/zero"));
    tell(static_cast<std::uint64_t>(child->pid()));
    pause();
  });
  ASSERT_EQ(told.size(), 1U);
  const auto pid = static_cast<pid_t>(*told.begin());
  // The kernel sends its signal before it lets us know that the parent is gone.
  const UniqueFd handle(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!handle.valid()) return;
  pollfd polled{handle.get(), POLLIN, 0};
  EXPECT_EQ(poll(&polled, 1, 60'000), 1);
}

}  // namespace
}  // namespace twinseal::etcd
