// Which programs are taken for etcd, and how they are called.
#include <fstream>

#include <gmock/gmock.h>

#include "common/etcd/member.h"
#include "common/etcd/member_command.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/results.h"
#include "tests/unit/common/etcd/fake_etcd.h"

namespace twinseal::etcd {
namespace {

using test::FailsWith;
using test::FakeEtcd;
using test::Succeeds;
using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class MemberProgramTest : public testing::Test {
 protected:
  Result<std::unique_ptr<Member>> Start(const std::string& program) {
    MemberOptions options = cluster_.OptionsOf("a");
    options.program = program;
    return Start(std::move(options));
  }
  Result<std::unique_ptr<Member>> Start(MemberOptions options) {
    return Member::Start(std::move(options), cluster_.Tls(), cluster_.LogOf("a"));
  }

  test::TempFolder folder_;
  test::EtcdCluster cluster_{{"a"}};
};

TEST_F(MemberProgramTest, AWrongProgramIsToldClearly) {
  EXPECT_THAT(Start("no-such-etcd"), FailsWith(Code::kFailedPrecondition,
                                               "no program \"no-such-etcd\" can be run; install "
                                               "Debian's package etcd-server"));
  EXPECT_THAT(Start((folder_ / "absent").string()),
              FailsWith(Code::kFailedPrecondition, "etcd is not there"));
  EXPECT_THAT(Start("echo"), FailsWith(Code::kFailedPrecondition, "is not etcd"));
  EXPECT_THAT(Start("false"), FailsWith(Code::kFailedPrecondition, "ended with exit status 1"));
  EXPECT_THAT(Start(FakeEtcd(folder_, "3.3.27", "")),
              FailsWith(Code::kFailedPrecondition, "is etcd 3.3.27, and the ledger runs with 3.4"));
  EXPECT_THAT(Start(FakeEtcd(folder_, "3.7.0", "")),
              FailsWith(Code::kFailedPrecondition, "is etcd 3.7.0, and the ledger runs with 3.4"));
}

TEST_F(MemberProgramTest, AnOldReleaseIsWarnedAbout) {
  ASSERT_THAT(Start(FakeEtcd(folder_, "3.5.31", "")), Succeeds());
  EXPECT_THAT(cluster_.log(), HasSubstr("etcd 3.5.31; 3.5.32 or later is advised"));
  EXPECT_FALSE(IsAdvisedRelease("3.4.23"));
  EXPECT_TRUE(IsAdvisedRelease("3.5.32"));
  EXPECT_TRUE(IsAdvisedRelease("3.6.1"));
}

TEST_F(MemberProgramTest, WrongSettingsAreNamed) {
  const auto start = [this](auto change) {
    MemberOptions options = cluster_.OptionsOf("a");
    change(options);
    return Start(std::move(options));
  };
  EXPECT_THAT(start([](MemberOptions& o) { o.peer_listen = "2380"; }),
              FailsWith(Code::kInvalidArgument, "peer_listen is \"2380\"; give HOST:PORT"));
  EXPECT_THAT(start([](MemberOptions& o) { o.peer_listen = "site-a.example:2380"; }),
              FailsWith(Code::kInvalidArgument, "\"site-a.example\" is no IP address"));
  EXPECT_THAT(start([](MemberOptions& o) { o.peer_listen = "192.0.2.77:2380"; }),
              FailsWith(Code::kInvalidArgument, "192.0.2.77"));
  EXPECT_THAT(start([](MemberOptions& o) { o.cluster.clear(); }),
              FailsWith(Code::kInvalidArgument, "is not among the members of its own ledger"));
  EXPECT_THAT(start([](MemberOptions& o) { o.name = "a=b"; }),
              FailsWith(Code::kInvalidArgument, "cannot be named \"a=b\""));
  EXPECT_THAT(start([](MemberOptions& o) { o.proxy = "proxy:3128"; }),
              FailsWith(Code::kInvalidArgument, "proxy is \"proxy:3128\"; give http://HOST:PORT"));
  EXPECT_THAT(start([](MemberOptions& o) { o.election = o.heartbeat; }),
              FailsWith(Code::kInvalidArgument, "election_ms at least 5 times heartbeat_ms"));
}

// What etcd gets of us: the paths of its files and a proxy, and nothing else of the environment.
TEST_F(MemberProgramTest, ItInheritsNothingButWhatItNeeds) {
  ASSERT_EQ(setenv("ETCD_NAME", "other", 1), 0);
  ASSERT_EQ(setenv("GOMAXPROCS", "1", 1), 0);
  MemberOptions options = cluster_.OptionsOf("a");
  options.proxy = "http://127.0.0.1:3128";
  options.program =
      FakeEtcd(folder_, "3.5.32",
               "env | sed 's/^/env /'; ls /proc/$$/fd | tr '\\n' ' ' | sed 's/^/fds /'; echo\n"
               "grep -c 'BEGIN CERTIFICATE' /proc/self/fd/3 | sed 's/^/certificates /'\n"
               "grep -c 'PRIVATE KEY' /proc/self/fd/3 | sed 's/^/key lines /'\n"
               "grep -c 'BEGIN CERTIFICATE' /proc/self/fd/4 | sed 's/^/cas /'; exit 3");
  const auto member = Start(std::move(options));
  ASSERT_THAT(member, Succeeds());
  cluster_.AwaitLog("etcd ended with exit status 3");
  unsetenv("ETCD_NAME");
  unsetenv("GOMAXPROCS");
  const std::string log = cluster_.log();
  EXPECT_THAT(log, HasSubstr("env PATH="));
  EXPECT_THAT(log, HasSubstr("env HTTPS_PROXY=http://127.0.0.1:3128\n"));
  EXPECT_THAT(log, HasSubstr("env NO_PROXY=127.0.0.1,localhost,::1\n"));
  EXPECT_THAT(log, Not(HasSubstr("ETCD_NAME")));
  EXPECT_THAT(log, Not(HasSubstr("GOMAXPROCS")));
  // 10 is the shell's own, for the script.
  EXPECT_THAT(log, HasSubstr("fds 0 1 10 2 3 4"));
  EXPECT_THAT(log, HasSubstr("certificates 1\n"));
  EXPECT_THAT(log, HasSubstr("key lines 2\n"));
  EXPECT_THAT(log, HasSubstr("cas 1\n"));
}

TEST_F(MemberProgramTest, EachReleaseIsAskedInItsOwnWords) {
  const auto arguments = [this](const char* version) {
    return MemberArguments(cluster_.OptionsOf("a"), ParseVersion(version),
                           {"127.0.0.1:1", "127.0.0.1:2"}, "bundle", "ca", false);
  };
  for (const char* const old : {"3.4.23", "3.5.16"}) {
    EXPECT_THAT(arguments(old), Contains("--experimental-initial-corrupt-check=true"));
    EXPECT_THAT(arguments(old), Contains("--experimental-corrupt-check-time=1h"));
    EXPECT_THAT(arguments(old), Contains("--experimental-peer-skip-client-san-verification=true"));
  }
  EXPECT_THAT(arguments("3.6.0"), Contains("--feature-gates=InitialCorruptCheck=true"));
  EXPECT_THAT(arguments("3.6.0"), Contains("--corrupt-check-time=1h"));
  EXPECT_THAT(arguments("3.6.0"), Contains("--peer-skip-client-san-verification=true"));
  for (const std::string& argument : arguments("3.6.0"))
    EXPECT_THAT(argument, Not(HasSubstr("experimental")));
}

}  // namespace
}  // namespace twinseal::etcd
