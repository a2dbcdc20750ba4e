#include "common/ledger/cluster_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace twinseal::ledger {
namespace {

TEST(ClusterGuard, RemembersTheFirstClusterAndTheHighestRevision) {
  ClusterGuard guard({});
  EXPECT_TRUE(guard.Check(7, Revision{10}, Revision{0}).ok());
  EXPECT_TRUE(guard.Check(7, Revision{9}, Revision{8}).ok()) << "answers overtake each other";
  EXPECT_EQ(guard.seen().cluster_id, 7U);
  EXPECT_EQ(guard.seen().highest, Revision{10});
  EXPECT_EQ(*guard.Before(), Revision{10});
}

TEST(ClusterGuard, RefusesAnotherClusterForEver) {
  ClusterGuard guard({7, Revision{10}});
  const Status other = guard.Check(8, Revision{11}, Revision{10});
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code(), Code::kDataLoss);
  EXPECT_EQ(guard.Check(7, Revision{11}, Revision{10}).error().code(), Code::kDataLoss);
  EXPECT_EQ(guard.Before().error().code(), Code::kDataLoss);
  EXPECT_EQ(guard.seen().highest, Revision{10});
}

TEST(ClusterGuard, RefusesAClusterThatWentBack) {
  ClusterGuard guard({7, Revision{10}});
  const Status back = guard.Check(7, Revision{9}, *guard.Before());
  ASSERT_FALSE(back.ok());
  EXPECT_EQ(back.error().code(), Code::kDataLoss);
  EXPECT_THAT(back.error().message(), testing::HasSubstr("revision 9"));
  EXPECT_FALSE(guard.Before().ok());
}

}  // namespace
}  // namespace twinseal::ledger
