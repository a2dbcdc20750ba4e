#include "common/ledger/patience.h"

#include <gtest/gtest.h>

namespace twinseal::ledger {
namespace {

using std::chrono::milliseconds;

void Take(Patience& patience, milliseconds each) {
  for (int i = 0; i < 100; ++i) patience.Took(each);
}

TEST(PatienceTest, WaitsLongWhileNothingIsKnown) {
  EXPECT_EQ(Patience().For(0), milliseconds(600));
}

TEST(PatienceTest, WaitsSeveralTimesWhatIsUsual) {
  Patience patience;
  Take(patience, milliseconds(60));
  EXPECT_NEAR(static_cast<double>(patience.For(0).count()), 360, 5);
  Take(patience, milliseconds(5));
  EXPECT_EQ(patience.For(0), milliseconds(250)) << "a disk may hesitate";
  Take(patience, milliseconds(1'000));
  EXPECT_EQ(patience.For(0), milliseconds(600));
}

TEST(PatienceTest, LargeOnesTakeTheirTime) {
  EXPECT_EQ(Patience().For(1'000'000), milliseconds(2'600));
}

}  // namespace
}  // namespace twinseal::ledger
