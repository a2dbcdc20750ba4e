// What the agent reads and keeps: its configuration, its state, its member's folder.
#include "agent/daemon/files.h"

#include <fstream>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "agent/daemon/member_folder.h"
#include "agent/daemon/options.h"
#include "agent/daemon/state_file.h"
#include "common/base/own_folder.h"
#include "tests/support/results.h"
#include "tests/support/temp_folder.h"

namespace twinseal::agent {
namespace {

using test::FailsWith;
using test::Succeeds;
using testing::HasSubstr;

class FilesTest : public testing::Test {
 protected:
  void Write(const v1::WitnessState& state) {
    ASSERT_THAT(WriteFileAtomically(folder_ / "state", state.SerializeAsString()), Succeeds());
  }
  static v1::WitnessState State(std::uint64_t epoch = 1) {
    v1::WitnessState state;
    state.mutable_config()->set_domain_id("d");
    state.mutable_config()->set_cluster_token("token1");
    state.mutable_config()->set_epoch(epoch);
    return state;
  }

  test::TempFolder folder_;
};

TEST_F(FilesTest, WithoutAStateThereIsNoPair) {
  EXPECT_THAT(StateFile::Open(folder_ / "state"), FailsWith(Code::kNotFound, "there is no"));
  std::ofstream(folder_ / "state") << "nonsense";
  chmod((folder_ / "state").c_str(), 0600);
  EXPECT_THAT(StateFile::Open(folder_ / "state"), FailsWith(Code::kDataLoss, "cannot be read"));
}

TEST_F(FilesTest, AChangeKeepsWhatOthersHaveWrittenMeanwhile) {
  Write(State(1));
  const auto file = StateFile::Open(folder_ / "state").value();
  Write(State(2));
  EXPECT_EQ(file->state().config().epoch(), 1U);
  ASSERT_THAT(file->Change([](v1::WitnessState& state) { state.set_watched_ms(7); }), Succeeds());
  EXPECT_EQ(file->state().config().epoch(), 2U);
  const v1::WitnessState read = StateFile::Open(folder_ / "state").value()->state();
  EXPECT_EQ(read.config().epoch(), 2U);
  EXPECT_EQ(read.watched_ms(), 7);
  std::filesystem::remove(folder_ / "state");
  EXPECT_THAT(file->Refresh(), FailsWith(Code::kNotFound, ""));
  EXPECT_THAT(file->Change([](v1::WitnessState&) {}), FailsWith(Code::kNotFound, ""));
}

TEST_F(FilesTest, AFileThatIsOpenToOthersIsRefused) {
  std::ofstream(folder_ / "agent.key") << "key";
  chmod((folder_ / "agent.key").c_str(), 0644);
  EXPECT_THAT(ReadOwnFile(folder_ / "agent.key"), FailsWith(Code::kPermissionDenied, "chmod 600"));
}

TEST_F(FilesTest, TheFirstClusterIsMadeByAllTogether) {
  const MemberFolder folder = ChooseMemberFolder(folder_.path(), State()).value();
  EXPECT_EQ(folder.path, folder_ / "etcd" / "token1");
  EXPECT_FALSE(folder.has_data);
  EXPECT_FALSE(folder.lost);
  EXPECT_FALSE(folder.existing);
  EXPECT_FALSE(folder.seen);
}

TEST_F(FilesTest, AMemberThatHasDataGoesOn) {
  std::filesystem::create_directories(folder_ / "etcd/token1/member");
  chmod((folder_ / "etcd").c_str(), 0700);
  v1::WitnessState state = State(4);
  state.set_seen_cluster_token("token1");
  const MemberFolder folder = ChooseMemberFolder(folder_.path(), state).value();
  EXPECT_TRUE(folder.has_data);
  EXPECT_FALSE(folder.lost);
  EXPECT_TRUE(folder.seen);
}

TEST_F(FilesTest, AMemberThatLostItsDataComesBackAsANewOne) {
  v1::WitnessState state = State();
  state.set_seen_cluster_token("token1");
  const MemberFolder folder = ChooseMemberFolder(folder_.path(), state).value();
  EXPECT_TRUE(folder.lost);
  EXPECT_TRUE(folder.existing);
  EXPECT_TRUE(folder.seen);
}

TEST_F(FilesTest, AnotherClusterStartsAnewAndTheOldOnesDataGo) {
  std::filesystem::create_directories(folder_ / "etcd/token0/member");
  chmod((folder_ / "etcd").c_str(), 0700);
  v1::WitnessState state = State();
  state.set_seen_cluster_token("token0");
  const MemberFolder folder = ChooseMemberFolder(folder_.path(), state).value();
  EXPECT_FALSE(folder.seen);
  EXPECT_FALSE(folder.lost);
  EXPECT_FALSE(folder.existing);
  std::filesystem::create_directories(folder.path);
  RemoveOtherFolders(folder);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "etcd/token0"));
  EXPECT_TRUE(std::filesystem::exists(folder.path));
}

TEST_F(FilesTest, AClusterTokenThatIsNoNameIsRefused) {
  v1::WitnessState state = State();
  state.mutable_config()->set_cluster_token("../elsewhere");
  EXPECT_THAT(ChooseMemberFolder(folder_.path(), state), FailsWith(Code::kDataLoss, "token"));
}

TEST_F(FilesTest, TheConfigurationIsRead) {
  const std::filesystem::path path = folder_ / "agent.conf";
  std::ofstream(path) << "name = \"third\"\ndata_dir = \"/var/lib/twinseal-agent\"\n"
                         "listen = \"[::1]:9443\"\npeer_listen = \"0.0.0.0:2380\"\n"
                         "api_address = \"https://agent.example:9443\"\nheartbeat_ms = 50\n";
  const std::vector<const char*> arguments = {"twinseal-agent", "--config", path.c_str()};
  int exit_status = 0;
  const auto options =
      ParseOptions(static_cast<int>(arguments.size()), arguments.data(), exit_status);
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->name, "third");
  EXPECT_EQ(options->address, "::1");
  EXPECT_EQ(options->port, 9443);
  EXPECT_EQ(options->peer_address, "0.0.0.0:2380");
  EXPECT_EQ(options->heartbeat_ms, 50U);
  EXPECT_EQ(options->election_ms, 300U);
}

TEST_F(FilesTest, AWrongConfigurationIsWrongUsage) {
  const std::filesystem::path path = folder_ / "agent.conf";
  for (const char* const wrong :
       {"data_dir = \"x\"\n", "data_dir = \"x\"\npeer_listen = \"y\"\nodd = 1\n",
        "data_dir = \"x\"\npeer_listen = \"0.0.0.0:1\"\nlisten = \"8443\"\n"}) {
    std::ofstream(path) << wrong;
    const std::vector<const char*> arguments = {"twinseal-agent", "--config", path.c_str()};
    int exit_status = 0;
    testing::internal::CaptureStderr();
    EXPECT_FALSE(ParseOptions(static_cast<int>(arguments.size()), arguments.data(), exit_status));
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::Not(testing::IsEmpty()));
    EXPECT_EQ(exit_status, 2);
  }
}

}  // namespace
}  // namespace twinseal::agent
