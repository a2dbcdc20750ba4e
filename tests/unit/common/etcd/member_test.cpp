// Members as they are started at each place: three real ones that find each other, end and return.
#include "common/etcd/member.h"

#include <algorithm>
#include <csignal>

#include <gmock/gmock.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/etcd/cluster.h"
#include "common/etcd/etcd.pb.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/results.h"

namespace twinseal::etcd {
namespace {

using test::EtcdCluster;
using test::FailsWith;
using test::Succeeds;
using Phase = MemberState::Phase;

std::chrono::steady_clock::time_point Later() {
  return std::chrono::steady_clock::now() + EtcdCluster::kPatience;
}

Status Write(Gateway& gateway, const std::string& key, const std::string& value) {
  TxnRequest request;
  PutRequest& put = *request.add_success()->mutable_request_put();
  put.set_key(key);
  put.set_value(value);
  TxnResponse response;
  return gateway.Call("KV/Txn", request, response);
}

Result<std::string> Read(Gateway& gateway, const std::string& key) {
  RangeRequest request;
  request.set_key(key);
  RangeResponse response;
  TWINSEAL_RETURN_IF_ERROR(gateway.Call("KV/Range", request, response));
  return response.kvs_size() == 0 ? std::string() : response.kvs(0).value();
}

// Again while nobody leads.
template <typename Call>
auto Insist(const Call& call) {
  auto result = call();
  for (const auto end = Later(); !result.ok() && std::chrono::steady_clock::now() < end;)
    result = call();
  return result;
}

class MemberTest : public testing::Test {
 protected:
  std::unique_ptr<Gateway> GatewayTo(const std::string& name) {
    return *Gateway::Create(cluster_.GatewayTo({name}));
  }

  EtcdCluster cluster_{{"a", "b", "agent"}};
};

TEST_F(MemberTest, ThreeServeAsOneCluster) {
  cluster_.StartAll();
  auto at_a = GatewayTo("a");
  auto at_b = GatewayTo("b");
  ASSERT_THAT(Insist([&] { return Write(*at_a, "/k", "v"); }), Succeeds());
  EXPECT_EQ(Read(*at_b, "/k").value(), "v");

  const MemberState state = cluster_.at("a").State();
  EXPECT_EQ(state.phase, Phase::kServing);
  EXPECT_EQ(state.reason, "");
  EXPECT_EQ(state.restarts, 0U);
  EXPECT_GT(state.pid, 0);
  const MemberStatus status = StatusOf(*at_a).value();
  EXPECT_EQ(status.version, state.version);
  EXPECT_NE(status.leader_id, 0U);
  EXPECT_GT(status.revision, 1U);
  EXPECT_GT(status.database_bytes, 0U);
  EXPECT_FALSE(status.learner);

  std::vector<std::string> names;
  const std::vector<ClusterMember> members = Members(*at_a).value();
  for (const ClusterMember& member : members) names.push_back(member.name);
  EXPECT_THAT(names, testing::UnorderedElementsAre("a", "b", "agent"));
  EXPECT_TRUE(Alarms(*at_a).value().empty());
}

TEST_F(MemberTest, OneMayGoAndItsReturnBringsWhatItMissed) {
  cluster_.StartAll();
  auto at_a = GatewayTo("a");
  cluster_.Stop("b");
  ASSERT_THAT(Insist([&] { return Write(*at_a, "/k", "v"); }), Succeeds());
  Member& b = cluster_.Start("b");
  ASSERT_TRUE(b.WaitUntilServing(Later())) << b.State().reason;
  EXPECT_EQ(Read(*GatewayTo("b"), "/k").value(), "v");
}

TEST_F(MemberTest, OneThatIsKilledIsStartedAgainWhereItWas) {
  cluster_.StartAll();
  Member& a = cluster_.at("a");
  const std::string endpoint = a.endpoint();
  auto at_a = GatewayTo("a");
  ASSERT_THAT(Insist([&] { return Write(*at_a, "/k", "v"); }), Succeeds());
  const int pid = a.State().pid;
  kill(pid, SIGKILL);
  cluster_.AwaitLog("a: etcd ended with signal 9 (Killed); it is started again");
  ASSERT_TRUE(a.WaitUntilServing(Later())) << a.State().reason;
  EXPECT_EQ(a.State().restarts, 1U);
  EXPECT_NE(a.State().pid, pid);
  EXPECT_EQ(a.endpoint(), endpoint);
  EXPECT_EQ(Insist([&] { return Read(*at_a, "/k"); }).value(), "v");
}

// What the server at `endpoint` shows to whoever connects.
std::string ServedCertificate(const std::string& endpoint) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  SSL_CTX_free);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new_ssl_connect(context.get()),
                                                          BIO_free_all);
  BIO_set_conn_hostname(bio.get(), endpoint.substr(std::string("https://").size()).c_str());
  SSL* ssl = nullptr;
  BIO_get_ssl(bio.get(), &ssl);
  if (BIO_do_connect(bio.get()) != 1) return "none";
  const std::unique_ptr<X509, decltype(&X509_free)> shown(SSL_get1_peer_certificate(ssl),
                                                          X509_free);
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> out(BIO_new(BIO_s_mem()), BIO_free_all);
  PEM_write_bio_X509(out.get(), shown.get());
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

TEST_F(MemberTest, ANewCertificateIsShownWithoutAPause) {
  cluster_.StartAll();
  Member& a = cluster_.at("a");
  auto at_a = GatewayTo("a");
  const MemberTls tls = cluster_.Tls();
  EXPECT_NE(ServedCertificate(a.endpoint()), tls.certificate_pem);
  ASSERT_THAT(a.Renew(tls), Succeeds());
  EXPECT_EQ(ServedCertificate(a.endpoint()), tls.certificate_pem);
  EXPECT_THAT(Insist([&] { return Write(*at_a, "/k", "v"); }), Succeeds());
  // Those that connect anew get it too: peers, and the gateway within etcd.
  cluster_.Stop("b");
  Member& b = cluster_.Start("b");
  ASSERT_TRUE(b.WaitUntilServing(Later())) << b.State().reason;
  EXPECT_THAT(Insist([&] { return Write(*GatewayTo("a"), "/k", "v"); }), Succeeds());
  EXPECT_EQ(a.State().restarts, 0U);
}

TEST_F(MemberTest, LeadershipMovesWhereItIsAsked) {
  cluster_.StartAll();
  for (const std::string name : {"a", "b", "agent"}) {
    auto gateway = GatewayTo(name);
    const MemberStatus status = StatusOf(*gateway).value();
    if (status.leader_id != status.member_id) continue;
    const auto members = Members(*gateway).value();
    const auto other = std::find_if(members.begin(), members.end(),
                                    [&](auto& member) { return member.id != status.member_id; });
    ASSERT_THAT(MoveLeader(*gateway, other->id), Succeeds());
    EXPECT_EQ(StatusOf(*gateway).value().leader_id, other->id);
    // Only the leader takes it.
    EXPECT_FALSE(MoveLeader(*gateway, other->id).ok());
  }
}

TEST_F(MemberTest, AMemberIsReplacedThroughALearner) {
  cluster_.StartAll();
  auto at_a = GatewayTo("a");
  const auto members = Members(*at_a).value();
  const auto lost =
      std::find_if(members.begin(), members.end(), [](auto& member) { return member.name == "b"; });
  ASSERT_NE(lost, members.end());
  cluster_.Stop("b");
  ASSERT_THAT(Insist([&] { return RemoveMember(*at_a, lost->id); }), Succeeds());
  EXPECT_THAT(RemoveMember(*at_a, lost->id), FailsWith(Code::kNotFound, "member not found"));

  MemberOptions options = cluster_.OptionsOf("b");
  options.existing = true;
  options.data_dir += "-new";
  const ClusterMember learner =
      Insist([&] { return AddLearner(*at_a, options.peer_address); }).value();
  EXPECT_TRUE(learner.learner);
  Member& b = cluster_.Start("b", options);
  ASSERT_TRUE(b.WaitUntilServing(Later())) << b.State().reason;
  ASSERT_THAT(Insist([&] { return Promote(*at_a, learner.id); }), Succeeds());
  const std::vector<ClusterMember> now = Members(*at_a).value();
  for (const ClusterMember& member : now) EXPECT_FALSE(member.learner);

  // What the lost one had is of no use any more.
  options.data_dir = cluster_.OptionsOf("b").data_dir;
  cluster_.Start("b", options);
  cluster_.AwaitLog("this place's member was removed from the pair's ledger");
}

TEST_F(MemberTest, OneAloneServesNobody) {
  Member& a = cluster_.Start("a");
  EXPECT_FALSE(
      a.WaitUntilServing(std::chrono::steady_clock::now() + std::chrono::milliseconds(300)));
  EXPECT_EQ(a.State().phase, Phase::kStarting);
  a.Stop();
  EXPECT_EQ(a.State().phase, Phase::kStopped);
  EXPECT_FALSE(a.WaitUntilServing(Later()));
}

TEST_F(MemberTest, TheLastOneGoesOnAloneWhenItIsForced) {
  cluster_.StartAll();
  ASSERT_THAT(Insist([&] { return Write(*GatewayTo("a"), "/k", "v"); }), Succeeds());
  for (const std::string name : {"a", "b", "agent"}) cluster_.Stop(name);
  MemberOptions options = cluster_.OptionsOf("a");
  options.force_new_cluster = true;
  Member& a = cluster_.Start("a", options);
  ASSERT_TRUE(a.WaitUntilServing(Later())) << a.State().reason;
  auto at_a = GatewayTo("a");
  EXPECT_EQ(Read(*at_a, "/k").value(), "v");
  EXPECT_EQ(Members(*at_a).value().size(), 1U);
  // Only once: members that were added since stay.
  ASSERT_THAT(Insist([&] { return AddLearner(*at_a, cluster_.OptionsOf("b").peer_address); }),
              Succeeds());
  a.Restart();
  const auto listed = Insist([&]() -> Result<std::size_t> {
    TWINSEAL_ASSIGN_OR_RETURN(const auto members, Members(*at_a));
    if (a.State().restarts == 0) return Error(Code::kUnavailable, "still the first");
    return members.size();
  });
  EXPECT_EQ(listed.value(), 2U);
}

TEST_F(MemberTest, AFolderOfItsOwnIsPrivate) {
  cluster_.Start("a");
  struct stat info {};
  ASSERT_EQ(stat(cluster_.OptionsOf("a").data_dir.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0700U);
}

TEST_F(MemberTest, AStoppedProcessIsKilledAfterTheGrace) {
  MemberOptions options = cluster_.OptionsOf("a");
  options.stop_grace = std::chrono::milliseconds(50);
  Member& a = cluster_.Start("a", options);
  while (a.State().pid == 0) std::this_thread::yield();
  const int pid = a.State().pid;
  kill(pid, SIGSTOP);
  a.Stop();
  EXPECT_NE(kill(pid, 0), 0);
}

// A port of 127.0.0.1 that somebody listens on.
class TakenPort {
 public:
  TakenPort() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(socket_.get(), any, size) != 0 || listen(socket_.get(), 1) != 0 ||
        getsockname(socket_.get(), any, &size) != 0) {
      throw std::runtime_error("no port is free");
    }
    number_ = ntohs(address.sin_port);
  }
  int number() const { return number_; }

 private:
  UniqueFd socket_;
  int number_ = 0;
};

TEST_F(MemberTest, APortThatIsTakenIsSaid) {
  const TakenPort taken;
  MemberOptions options = cluster_.OptionsOf("a");
  options.peer_listen = "127.0.0.1:" + std::to_string(taken.number());
  cluster_.Start("a", options);
  cluster_.AwaitLog("the port that peer_listen names is taken by another process");
}

TEST_F(MemberTest, APeerPortIsChosenWhenNoneIsGiven) {
  MemberOptions options = cluster_.OptionsOf("a");
  options.peer_listen = "127.0.0.1:0";
  const Member& a = cluster_.Start("a", options);
  EXPECT_THAT(a.peer_listen(), testing::MatchesRegex("127\\.0\\.0\\.1:[0-9]+"));
  EXPECT_NE(a.peer_listen(), "127.0.0.1:0");
}

}  // namespace
}  // namespace twinseal::etcd
