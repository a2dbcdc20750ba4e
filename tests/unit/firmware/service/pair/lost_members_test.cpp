#include "firmware/service/pair/lost_members.h"

#include <gmock/gmock.h>

namespace twinseal::service {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Place PlaceAt(const std::string& name, const std::string& peer) {
  v1::Place place;
  place.set_name(name);
  place.set_peer(peer);
  return place;
}

etcd::ClusterMember Voter(std::uint64_t id, const std::string& name, const std::string& peer) {
  return {.id = id, .name = name, .peer_urls = {etcd::PeerUrl(peer)}, .client_urls = {}};
}

etcd::ClusterMember Learner(std::uint64_t id, const std::string& name, const std::string& peer) {
  etcd::ClusterMember member = Voter(id, name, peer);
  member.learner = true;
  return member;
}

class LostMembersTest : public testing::Test {
 protected:
  LostMembersTest() {
    for (const auto& [name, peer] : {std::pair("a", "a:1"), {"b", "b:1"}, {"agent", "agent:1"}}) {
      *pair_.add_places() = PlaceAt(name, peer);
    }
  }

  std::vector<std::uint64_t> LostWith(const etcd::ClusterMember& further,
                                      const std::string& new_peer = "b:1",
                                      Attempt attempt = Attempt::kFirst) const {
    std::vector<etcd::ClusterMember> members{Voter(1, "a", "a:1"), Voter(3, "agent", "agent:1")};
    members.push_back(further);
    return LostMembers(members, PlaceAt("b", new_peer), pair_, attempt);
  }

  v1::PairConfig pair_;
};

TEST_F(LostMembersTest, TheOneThatVotesUnderTheName) {
  EXPECT_THAT(LostWith(Voter(2, "b", "b:1")), ElementsAre(2U));
  EXPECT_THAT(LostWith(Voter(2, "b", "b:1"), "elsewhere:1"), ElementsAre(2U));
}

TEST_F(LostMembersTest, LearnersThatAnAttemptHasLeft) {
  EXPECT_THAT(LostWith(Learner(2, "", "b:1")), ElementsAre(2U)) << "at the address, not started";
  EXPECT_THAT(LostWith(Learner(2, "b", "b:1")), ElementsAre(2U));
  EXPECT_THAT(LostWith(Learner(2, "b", "elsewhere:1")), ElementsAre(2U)) << "of no place";
  EXPECT_THAT(LostWith(Learner(2, "b", "b:1"), "elsewhere:1"), ElementsAre(2U)) << "its old one";
}

TEST_F(LostMembersTest, NotTheOneThatWasLetInMeanwhile) {
  EXPECT_THAT(LostWith(Learner(2, "", "b:1"), "b:1", Attempt::kAny), IsEmpty());
  EXPECT_THAT(LostWith(Voter(2, "b", "b:1"), "b:1", Attempt::kAny), ElementsAre(2U));
  EXPECT_THAT(LostWith(Learner(2, "b", "elsewhere:1"), "b:1", Attempt::kAny), ElementsAre(2U));
}

TEST_F(LostMembersTest, NobodyElsesLearner) {
  EXPECT_THAT(LostWith(Learner(4, "agent", "agent:1")), IsEmpty());
}

}  // namespace
}  // namespace twinseal::service
