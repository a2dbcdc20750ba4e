#include "common/https/pool.h"

#include <gtest/gtest.h>

namespace twinseal::https {
namespace {

struct Swimmer {
  Swimmer(const Identity& of, std::size_t most) : identity(&of), max_answer(most) {}
  const Identity* identity;
  std::size_t max_answer;
};

TEST(PoolTest, WhoeverWasUsedLastIsUsedNext) {
  const Identity identity;
  Pool<Swimmer> pool(identity, 7);
  Swimmer* first = nullptr;
  Swimmer* second = nullptr;
  {
    const Pool<Swimmer>::Lease one = pool.Take();
    const Pool<Swimmer>::Lease two = pool.Take();
    first = &*one;
    second = &*two;
    EXPECT_NE(first, second);
    EXPECT_EQ(one->identity, &identity);
    EXPECT_EQ(one->max_answer, 7U);
  }
  // The second came back first.
  const Pool<Swimmer>::Lease again = pool.Take();
  EXPECT_EQ(&*again, first);
  const Pool<Swimmer>::Lease other = pool.Take();
  EXPECT_EQ(&*other, second);
}

TEST(PoolTest, ALeaseThatWasMovedGivesBackOnce) {
  const Identity identity;
  Pool<Swimmer> pool(identity, 7);
  {
    Pool<Swimmer>::Lease one = pool.Take();
    const Pool<Swimmer>::Lease moved = std::move(one);
  }
  const Pool<Swimmer>::Lease first = pool.Take();
  const Pool<Swimmer>::Lease second = pool.Take();
  EXPECT_NE(&*first, &*second);
}

}  // namespace
}  // namespace twinseal::https
