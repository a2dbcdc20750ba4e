// The agent's life in a pair: real members, and sites that only issue certificates and say that
// they are ready.
#include "agent/daemon/pair_life.h"

#include <atomic>

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "agent/daemon/routes.h"
#include "common/base/own_folder.h"
#include "common/client/caller.h"
#include "common/connect/server.h"
#include "common/crypto/provisional_tls.h"
#include "common/etcd/cluster.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/results.h"
#include "tests/unit/agent/daemon/fake_site.h"

namespace twinseal::agent {
namespace {

using test::EtcdCluster;
using test::FailsWith;
using test::Succeeds;
using testing::HasSubstr;

class PairLifeTest : public testing::Test {
 protected:
  PairLifeTest() {
    options_.data_dir = folder_ / "data";
    options_.peer_listen = cluster_.OptionsOf("agent").peer_listen;
    options_.peer_address = options_.peer_listen;
    std::filesystem::create_directory(options_.data_dir);
    chmod(options_.data_dir.c_str(), 0700);
    connect::ServerOptions server;
    server.threads = 1;
    server.tls = [this] { return certificate_.Current(); };
    certificate_.Use(*crypto::MakeProvisionalTls(
        "test", std::nullopt,
        std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())));
    server_ = *connect::Server::Start(std::move(server), MakeRouter(health_));
  }
  ~PairLifeTest() override {
    life_.reset();
    server_.reset();
  }

  v1::PairConfig Config(std::uint64_t epoch = 1) const {
    v1::PairConfig config;
    config.set_domain_id("0123");
    config.set_cluster_token("test");
    config.set_epoch(epoch);
    const std::map<std::string, std::string> apis = {{"a", a_.api()}, {"b", b_.api()}};
    for (const std::string name : {"a", "b", "agent"}) {
      v1::Place& place = *config.add_places();
      place.set_name(name);
      place.set_peer(cluster_.OptionsOf(name).peer_address);
      if (apis.contains(name)) place.set_api(apis.at(name));
      place.set_witness(name == "agent");
    }
    return config;
  }

  // As `twinseal pair create` does.
  void Pair(v1::PairConfig config) {
    const test::Identity agent = operator_ca_.Caller("twinseal:agent/agent");
    Write("agent.pem", agent.CertificatePem());
    Write("agent.key", std::string(AsText(agent.KeyPem().Reveal(SecretAccess()))));
    v1::WitnessState state;
    *state.mutable_config() = std::move(config);
    state.set_operator_ca_pem(operator_ca_.certificate().Pem());
    state.set_ledger_ca_pem(cluster_.ca().certificate().Pem());
    state.set_name("agent");
    Write("state", state.SerializeAsString());
  }
  void Write(const std::string& name, const std::string& text) {
    ASSERT_THAT(WriteFileAtomically(options_.data_dir / name, text), Succeeds());
  }
  v1::WitnessState Kept() const {
    return StateFile::Open(options_.data_dir / "state").value()->state();
  }

  void Live() { life_ = std::make_unique<PairLife>(options_, alarms_, health_, certificate_); }

  // Asks over the API as an operator does, again until the answer is as wanted.
  template <typename Wanted>
  v1::GetPairHealthResponse AwaitHealth(const Wanted& wanted) {
    v1::GetPairHealthResponse health;
    const auto end = std::chrono::steady_clock::now() + EtcdCluster::kPatience;
    while (std::chrono::steady_clock::now() < end) {
      const Status asked =
          Operator()->Call("/twinseal.v1.AgentService/GetPairHealth", v1::GetPairHealthRequest(),
                           health, {.timeout = std::chrono::seconds(10)});
      if (asked.ok() && wanted(health)) return health;
    }
    ADD_FAILURE() << health.DebugString() << cluster_.log();
    return health;
  }
  std::unique_ptr<client::Caller> Operator() const {
    const test::Identity alice = operator_ca_.Client("alice");
    connect::ClientOptions options;
    options.endpoints = {"https://127.0.0.1:" + std::to_string(server_->port())};
    options.ca_pem = operator_ca_.certificate().Pem();
    options.certificate_pem = alice.CertificatePem();
    options.key_pem = alice.KeyPem();
    return *client::Caller::Create(std::move(options));
  }
  static bool IsReady(const v1::GetPairHealthResponse& health, const std::string& name) {
    for (const v1::PlaceHealth& place : health.places())
      if (place.name() == name) return place.ready();
    return false;
  }
  static std::string ReasonOf(const v1::GetPairHealthResponse& health, const std::string& name) {
    for (const v1::PlaceHealth& place : health.places())
      if (place.name() == name) return place.reason();
    return "";
  }
  // Of the member, as monitoring sees it.
  std::uint64_t MemberRestarts() const {
    const std::string metrics = health_.Metrics();
    const std::string name = "\ntwinseal_ledger_member_restarts_total ";
    return std::stoull(metrics.substr(metrics.find(name) + name.size()));
  }
  static bool AllReady(const v1::GetPairHealthResponse& health) {
    return IsReady(health, "a") && IsReady(health, "b") && IsReady(health, "agent");
  }

  EtcdCluster cluster_{{"a", "b", "agent"}};
  test::TempFolder folder_;
  test::TestCa operator_ca_;
  test::FakeSite a_{"a", operator_ca_, cluster_.ca()};
  test::FakeSite b_{"b", operator_ca_, cluster_.ca()};
  Options options_;
  AlarmBoard alarms_{UnixMilliseconds, [](const std::string&) {}};
  Health health_{"agent", "1.2.3", alarms_};
  ServerCertificate certificate_;
  std::unique_ptr<connect::Server> server_;
  std::unique_ptr<PairLife> life_;
};

TEST_F(PairLifeTest, WaitsToBePairedThenVotesAndTells) {
  Live();
  cluster_.Start("a");
  EXPECT_THAT(health_.Ready(), FailsWith(Code::kUnavailable, ""));
  Pair(Config());
  // With it there is a majority.
  const v1::GetPairHealthResponse health = AwaitHealth(AllReady);
  EXPECT_EQ(health.agent(), "agent");
  EXPECT_EQ(health.version(), "1.2.3");
  EXPECT_THAT(health.ledger_engine(), HasSubstr("etcd 3."));
  EXPECT_THAT(health.ledger_leader(), testing::AnyOf("a", "agent"));
  EXPECT_GT(health.ledger_quota_bytes(), health.ledger_database_bytes());
  EXPECT_THAT(health_.Ready(), Succeeds());
  EXPECT_THAT(health_.Metrics(), HasSubstr("twinseal_agent_site_ready{site=\"a\"} 1\n"));
  EXPECT_THAT(health_.Metrics(), HasSubstr("twinseal_agent_paired 1\n"));
  EXPECT_GE(a_.certificates_issued() + b_.certificates_issued(), 1);
}

TEST_F(PairLifeTest, KeepsWhatItHasSeen) {
  Pair(Config());
  cluster_.Start("a");
  cluster_.Start("b");
  Live();
  AwaitHealth([](const v1::GetPairHealthResponse& health) {
    return AllReady(health) && health.watched_ms() > 0 && health.ledger_leader() != "agent";
  });
  life_.reset();
  const v1::WitnessState kept = Kept();
  EXPECT_GT(kept.watched_ms(), 0);
  EXPECT_GT(kept.available_ms(), 0);
  EXPECT_NE(kept.last_leader(), "");
  EXPECT_EQ(kept.config().SerializeAsString(), Config().SerializeAsString());
  // It goes on from there.
  Live();
  const v1::GetPairHealthResponse health = AwaitHealth(AllReady);
  EXPECT_GE(health.watched_ms(), kept.watched_ms());
}

TEST_F(PairLifeTest, AnySiteWillDoForCertificates) {
  Pair(Config());
  a_.Stop();
  cluster_.Start("b");
  Live();
  const v1::GetPairHealthResponse health =
      AwaitHealth([](const v1::GetPairHealthResponse& seen) { return IsReady(seen, "agent"); });
  EXPECT_FALSE(IsReady(health, "a"));
  EXPECT_EQ(b_.certificates_issued(), 1);
}

TEST_F(PairLifeTest, SaysWhyItGetsNoCertificates) {
  a_.RefuseCertificates();
  b_.RefuseCertificates();
  Pair(Config());
  Live();
  const auto told = [this] {
    for (const v1::Alarm& alarm : alarms_.All())
      if (alarm.name() == alarm::kCertificates) return alarm.text();
    return std::string();
  };
  const auto end = std::chrono::steady_clock::now() + EtcdCluster::kPatience;
  while (told().empty() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_THAT(told(), HasSubstr("no place of this pair"));
  EXPECT_THAT(health_.Ready(), FailsWith(Code::kUnavailable, "no place of this pair"));
}

TEST_F(PairLifeTest, AMemberThatLostItsDataIsTakenInAsANewOne) {
  Pair(Config());
  cluster_.Start("a");
  cluster_.Start("b");
  Live();
  const v1::GetPairHealthResponse before = AwaitHealth(AllReady);
  life_.reset();
  std::filesystem::remove_all(options_.data_dir / "etcd" / "test");
  std::atomic<std::uint64_t> added = 0;
  const auto take_in = [&]() -> Status {
    if (added != 0) return Ok();
    const auto gateway = *etcd::Gateway::Create(cluster_.GatewayTo({"a"}));
    TWINSEAL_ASSIGN_OR_RETURN(const auto members, etcd::Members(*gateway));
    for (const etcd::ClusterMember& member : members) {
      if (member.name != "agent") continue;
      TWINSEAL_RETURN_IF_ERROR(etcd::RemoveMember(*gateway, member.id));
    }
    // Refused for some seconds, until etcd trusts the two that are left.
    TWINSEAL_ASSIGN_OR_RETURN(const etcd::ClusterMember learner,
                              etcd::AddLearner(*gateway, options_.peer_address));
    added = learner.id;
    return Ok();
  };
  a_.TakesIn(take_in);
  b_.TakesIn(take_in);
  Live();
  AwaitHealth([](const v1::GetPairHealthResponse& health) {
    return ReasonOf(health, "agent").find("catches up") != std::string::npos;
  });
  // As each site does.
  const auto gateway = *etcd::Gateway::Create(cluster_.GatewayTo({"a"}));
  const auto end = std::chrono::steady_clock::now() + EtcdCluster::kPatience;
  Status promoted = etcd::Promote(*gateway, added);
  while (!promoted.ok() && std::chrono::steady_clock::now() < end)
    promoted = etcd::Promote(*gateway, added);
  ASSERT_THAT(promoted, Succeeds());
  const v1::GetPairHealthResponse after = AwaitHealth(AllReady);
  EXPECT_GE(after.ledger_revision(), before.ledger_revision());
}

TEST_F(PairLifeTest, ASiteThatCannotTakeItInLeavesItOut) {
  Pair(Config());
  v1::WitnessState state = Kept();
  state.set_seen_cluster_token("test");
  Write("state", state.SerializeAsString());
  cluster_.Start("a");
  cluster_.Start("b");
  Live();
  AwaitHealth([](const v1::GetPairHealthResponse& health) {
    return ReasonOf(health, "agent").find("does not take this place's member in") !=
           std::string::npos;
  });
  EXPECT_FALSE(std::filesystem::exists(options_.data_dir / "etcd" / "test"));
}

TEST_F(PairLifeTest, FollowsANewerRecordThatASiteTellsOf) {
  Pair(Config());
  cluster_.Start("a");
  Live();
  AwaitHealth(AllReady);
  const std::uint64_t restarts = MemberRestarts();
  v1::PairConfig newer = Config(2);
  newer.mutable_places(1)->set_name("c");
  v1::GetPairResponse pair;
  *pair.mutable_config() = newer;
  a_.Say(pair);
  // It is asked again once it is back.
  a_.Stop();
  AwaitHealth([](const v1::GetPairHealthResponse& health) { return !IsReady(health, "a"); });
  a_.Start();
  AwaitHealth([](const v1::GetPairHealthResponse& health) {
    return IsReady(health, "a") && IsReady(health, "c") && IsReady(health, "agent");
  });
  EXPECT_EQ(Kept().config().epoch(), 2U);
  EXPECT_EQ(MemberRestarts(), restarts);  // The member went on.
}

TEST_F(PairLifeTest, APairThatIsLeftEndsTheMember) {
  Pair(Config());
  cluster_.Start("a");
  Live();
  AwaitHealth(AllReady);
  std::filesystem::remove(options_.data_dir / "state");
  const auto end = std::chrono::steady_clock::now() + EtcdCluster::kPatience;
  const auto waits = [this] {
    const Status ready = health_.Ready();
    return !ready.ok() && ready.error().message().find("not paired yet") != std::string::npos;
  };
  while (!waits() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
  EXPECT_TRUE(waits());
  EXPECT_FALSE(std::filesystem::exists(options_.data_dir / "state"));
}

}  // namespace
}  // namespace twinseal::agent
