#include <fstream>
#include <set>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/own_folder.h"
#include "firmware/service/core_link/pin_source.h"
#include "firmware/service/health/metrics.h"
#include "firmware/service/runtime/options.h"
#include "tests/unit/firmware/service/service_fixture.h"

namespace twinseal::service {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string ReadAll(int fd) {
  std::string text(2048, '\0');
  const ssize_t n = pread(fd, text.data(), text.size(), 0);
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

int PipeWith(std::string_view text) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  EXPECT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  close(ends[1]);
  return ends[0];
}

TEST(PinSourceTest, MovesAPipesTextIntoAMemoryFileThatCanBeReadAgain) {
  const Result<UniqueFd> pin =
      AcquirePin({.fd = PipeWith("1234\n"), .credentials_directory = {}, .prompt = {}});
  ASSERT_TRUE(pin.ok()) << pin.error().Describe();
  EXPECT_EQ(ReadAll(pin->get()), "1234\n");
  EXPECT_EQ(ReadAll(pin->get()), "1234\n");
  struct stat info {};
  ASSERT_EQ(fstat(pin->get(), &info), 0);
  EXPECT_TRUE(S_ISREG(info.st_mode));
}

TEST(PinSourceTest, RefusesAPipeThatIsNoPin) {
  const Result<UniqueFd> pin = AcquirePin(
      {.fd = PipeWith(std::string(3000, 'x')), .credentials_directory = {}, .prompt = {}});
  ASSERT_FALSE(pin.ok());
  EXPECT_EQ(pin.error().code(), Code::kInvalidArgument);
}

TEST(PinSourceTest, FindsTheSystemdCredential) {
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "hsm-pin") << "5678";
  const Result<UniqueFd> pin =
      AcquirePin({.fd = -1, .credentials_directory = folder.path(), .prompt = {}});
  ASSERT_TRUE(pin.ok());
  EXPECT_EQ(ReadAll(pin->get()), "5678");
}

TEST(PinSourceTest, NamesTheWaysWhenThereIsNone) {
  const TemporaryFolder folder;
  const Result<UniqueFd> pin =
      AcquirePin({.fd = -1, .credentials_directory = folder.path(), .prompt = {}});
  ASSERT_FALSE(pin.ok());
  EXPECT_THAT(pin.error().message(), HasSubstr("--pin-fd"));
  EXPECT_THAT(pin.error().message(), HasSubstr("hsm-pin"));
  EXPECT_FALSE(AcquirePin({.fd = 987, .credentials_directory = {}, .prompt = {}}).ok());
}

TEST(DataFolderTest, IsMadeForItsOwnerAlone) {
  const TemporaryFolder folder;
  ASSERT_TRUE(UseOwnFolder(folder.path() / "data").ok());
  struct stat info {};
  ASSERT_EQ(stat((folder.path() / "data").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  EXPECT_TRUE(UseOwnFolder(folder.path() / "data").ok());
}

TEST(DataFolderTest, RefusesByNameWhatOthersCanReach) {
  const TemporaryFolder folder;
  const std::filesystem::path open = folder.path() / "open";
  ASSERT_EQ(mkdir(open.c_str(), 0755), 0);
  const Status refused = UseOwnFolder(open);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.error().message(), HasSubstr(open.string()));
  std::ofstream(folder.path() / "file") << "x";
  EXPECT_FALSE(UseOwnFolder(folder.path() / "file").ok());
  std::filesystem::create_directory_symlink(open, folder.path() / "link");
  EXPECT_FALSE(UseOwnFolder(folder.path() / "link").ok());
  EXPECT_FALSE(UseOwnFolder(folder.path() / "no" / "parent").ok());
}

TEST(DataFolderTest, IsUsedByOneAtATime) {
  const TemporaryFolder folder;
  {
    const Result<UniqueFd> first = LockFolder(folder.path(), std::chrono::milliseconds(0));
    ASSERT_TRUE(first.ok());
    const Result<UniqueFd> second = LockFolder(folder.path(), std::chrono::milliseconds(0));
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(second.error().message(), HasSubstr("another process"));
  }
  EXPECT_TRUE(LockFolder(folder.path(), std::chrono::milliseconds(0)).ok());
}

class OptionsTest : public ::testing::Test {
 protected:
  std::optional<Options> Parse(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "twinseald");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    exit_status = -1;
    return ParseOptions(static_cast<int>(argv.size()), argv.data(), exit_status);
  }

  std::string WriteConfig(const std::string& text) {
    const std::filesystem::path path = folder.path() / "twinseald.conf";
    std::ofstream(path) << text;
    return path;
  }

  TemporaryFolder folder;
  int exit_status = -1;
  const std::string complete =
      "site = \"a\"\ndata_dir = \"/var/lib/twinseal\"\nlisten = \"0.0.0.0:9443\"\nhsm_module = "
      "\"/m.so\"\n"
      "hsm_token = \"twinseal-a\"\nhsm_sessions = 3\nready_file = \"/run/ready\"\nnames = "
      "[\"hsm.example.org\", "
      "\"192.0.2.1\"]\n";
};

TEST_F(OptionsTest, ReadsTheFileAndLetsFlagsWin) {
  const std::optional<Options> options =
      Parse({"--config", WriteConfig(complete), "--pin-fd", "7", "--hsm-token", "other"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->site, "a");
  EXPECT_EQ(options->data_dir, "/var/lib/twinseal");
  EXPECT_EQ(options->address, "0.0.0.0");
  EXPECT_EQ(options->port, 9443);
  EXPECT_EQ(options->hsm_module, "/m.so");
  EXPECT_EQ(options->hsm_token, "other");
  EXPECT_EQ(options->hsm_sessions, 3U);
  EXPECT_EQ(options->ready_file, "/run/ready");
  EXPECT_THAT(options->names, ::testing::ElementsAre("hsm.example.org", "192.0.2.1"));
  EXPECT_EQ(options->pin_fd, 7);
  EXPECT_EQ(options->core_program.filename(), "twinseal-core");
}

TEST_F(OptionsTest, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(Parse({"--config", WriteConfig(complete + "colour = \"red\"\n")}));
  EXPECT_EQ(exit_status, 2);
  EXPECT_FALSE(Parse({"--config", WriteConfig(complete + "pin_fd = 7\n")}));
  EXPECT_EQ(exit_status, 2);
  EXPECT_FALSE(Parse({"--config", WriteConfig(complete), "--listen", "9443"}));
  EXPECT_FALSE(Parse({"--config", WriteConfig(complete), "--listen", "127.0.0.1:99999"}));
  EXPECT_FALSE(Parse({"--config", WriteConfig(complete), "--site", "Not A Site"}));
  EXPECT_FALSE(Parse({"--config", WriteConfig(complete), "--initialize"}));
  EXPECT_FALSE(Parse({"--help"}));
  EXPECT_EQ(exit_status, 0);
  const std::optional<Options> six =
      Parse({"--config", WriteConfig(complete), "--listen", "[::1]:0"});
  ASSERT_TRUE(six);
  EXPECT_EQ(six->address, "::1");
  EXPECT_EQ(six->port, 0);
}

TEST(WorkPoolTest, RefusesBeyondItsQueueAndFinishesWhatItTook) {
  std::promise<void> go;
  std::shared_future<void> wait = go.get_future().share();
  std::atomic<int> done = 0;
  std::promise<void> begun;
  WorkPool pool(1, 2);
  ASSERT_TRUE(pool.Submit([&, wait] {
    begun.set_value();
    wait.wait();
    ++done;
  }));
  begun.get_future().wait();
  EXPECT_TRUE(pool.Submit([&] { ++done; }));
  EXPECT_TRUE(pool.Submit([&] { ++done; }));
  EXPECT_FALSE(pool.Submit([&] { ++done; }));
  go.set_value();
  pool.Stop();
  EXPECT_EQ(done, 3);
  EXPECT_FALSE(pool.Submit([&] { ++done; }));
}

TEST(MetricsTest, IsPrometheusTextWithoutRepeatedSeries) {
  RequestMetrics requests;
  requests.Count(policy::Procedure::kSign, std::nullopt, std::chrono::microseconds(1500));
  requests.Count(policy::Procedure::kSign, std::nullopt, std::chrono::microseconds(300));
  requests.Count(policy::Procedure::kSign, Code::kNotFound, std::chrono::microseconds(99'000'000));
  ApplianceFigures figures;
  figures.core.restarts = 2;
  figures.core_status.emplace().set_hsm_state("recovering: \"lost\"\n");
  figures.core_status->set_memory_lock("all");
  figures.audit.tree_size = 7;
  figures.ledger_revision = 42;
  figures.archive_entries = 12;
  figures.backlog.entries = 3;
  figures.backlog.problem = "the disk is full";
  figures.keys_by_state[v1::ENABLED] = 3;
  const std::string text = MetricsText(requests, figures);
  EXPECT_THAT(
      text,
      HasSubstr("twinseal_requests_total{procedure=\"SigningService/Sign\",code=\"ok\"} 2\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "twinseal_requests_total{procedure=\"SigningService/Sign\",code=\"not_found\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "twinseal_request_seconds_bucket{procedure=\"SigningService/Sign\",le=\"0.0005\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "twinseal_request_seconds_bucket{procedure=\"SigningService/Sign\",le=\"15\"} 2\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "twinseal_request_seconds_bucket{procedure=\"SigningService/Sign\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_archive_entries 12\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_archive_stuck 1\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_journal_entries 3\n"));
  EXPECT_THAT(text,
              HasSubstr("twinseal_request_seconds_count{procedure=\"SigningService/Sign\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_core_restarts_total 2\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_hsm_ready{state=\"recovering: \\\"lost\\\"\\n\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_core_memory_locked{detail=\"all\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_audit_records 7\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_ledger_revision 42\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_keys{state=\"enabled\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("twinseal_keys{state=\"pending-destruction\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("CreateKey")));
  std::set<std::string> series;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('#')) continue;
    EXPECT_TRUE(line.starts_with("twinseal_")) << line;
    EXPECT_TRUE(series.insert(line.substr(0, line.rfind(' '))).second) << line;
  }
}

}  // namespace
}  // namespace twinseal::service
