// A quota that is reached, and the ways out of it.
#include "common/etcd/room.h"

#include <functional>

#include <gmock/gmock.h>

#include "common/etcd/etcd.pb.h"
#include "tests/support/etcd_cluster.h"
#include "tests/support/results.h"

namespace twinseal::etcd {
namespace {

using test::EtcdCluster;
using test::FailsWith;
using test::Succeeds;

constexpr std::uint64_t kQuota = std::uint64_t{2} << 20U;
// etcd looks at its file's size every 0.1 s, and takes much more than the quota until it does.
constexpr std::uint64_t kRaisedQuota = 16 * kQuota;
constexpr std::size_t kValueBytes = std::size_t{64} << 10U;

class RoomTest : public testing::Test {
 protected:
  void StartWith(std::uint64_t quota_bytes) {
    cluster_.Stop("a");
    MemberOptions options = cluster_.OptionsOf("a");
    options.quota_bytes = quota_bytes;
    const Member& member = cluster_.Start("a", std::move(options));
    ASSERT_TRUE(member.WaitUntilServing(Later())) << member.State().reason;
    gateway_ = *Gateway::Create(cluster_.GatewayTo({"a"}));
  }

  Status Write(const std::string& key) {
    TxnRequest request;
    PutRequest& put = *request.add_success()->mutable_request_put();
    put.set_key(key);
    put.set_value(std::string(kValueBytes, 'v'));
    TxnResponse response;
    return gateway_->Call("KV/Txn", request, response);
  }

  // Until it is refused.
  void Fill(const std::function<std::string(int)>& key) {
    Status written = Ok();
    for (int i = 0; written.ok() && i < 1'000; ++i) written = Write(key(i));
    ASSERT_THAT(written, FailsWith(Code::kResourceExhausted, "reached its quota"));
    // The alarm goes through the log of the cluster.
    for (const auto end = Later(); !IsFull(Sight()) && std::chrono::steady_clock::now() < end;) {
    }
  }

  MemberStatus Sight() { return StatusOf(*gateway_).value(); }

  static std::chrono::steady_clock::time_point Later() {
    return std::chrono::steady_clock::now() + EtcdCluster::kPatience;
  }

  EtcdCluster cluster_{{"a"}};
  std::unique_ptr<Gateway> gateway_;
};

TEST_F(RoomTest, AMemberWithRoomIsNotFull) {
  StartWith(kQuota);
  EXPECT_FALSE(IsFull(Sight()));
}

TEST_F(RoomTest, WhatWasOverwrittenGivesRoom) {
  StartWith(kQuota);
  Fill([](int) { return std::string("/k"); });
  ASSERT_TRUE(IsFull(Sight()));
  EXPECT_THAT(MakeRoom(*gateway_, Sight(), kQuota), Succeeds());
  EXPECT_THAT(Write("/k"), Succeeds());
  EXPECT_FALSE(IsFull(Sight()));
}

TEST_F(RoomTest, WhatCountsNeedsALargerQuota) {
  StartWith(kQuota);
  // The file reaches the quota before what counts does: what etcd took and does not use comes back
  // first, on a slow machine several times.
  int keys = 0;
  Status room = Ok();
  for (int round = 0; room.ok() && round < 20; ++round) {
    Fill([&keys](int) { return "/k" + std::to_string(keys++); });
    room = MakeRoom(*gateway_, Sight(), kQuota);
  }
  EXPECT_THAT(room, FailsWith(Code::kResourceExhausted, "raise ledger_quota_mib"));
  EXPECT_THAT(Write("/more"), FailsWith(Code::kResourceExhausted, ""));

  StartWith(kRaisedQuota);
  ASSERT_TRUE(IsFull(Sight()));
  EXPECT_THAT(MakeRoom(*gateway_, Sight(), kRaisedQuota), Succeeds());
  EXPECT_THAT(Write("/more"), Succeeds());
}

}  // namespace
}  // namespace twinseal::etcd
