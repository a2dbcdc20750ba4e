#include "common/base/together.h"

#include <future>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace twinseal {
namespace {

struct Parcel {
  int size = 1;
  int answer = 0;
};

// Carries parcels of a size of ten together.
struct Cart {
  using Job = Parcel;
  bool Add(Parcel& parcel) {
    if (!parcels.empty() && load + parcel.size > 10) return false;
    parcels.push_back(&parcel);
    load += parcel.size;
    return true;
  }
  std::vector<Parcel*> parcels;
  int load = 0;
};

// Sends carts of which the first waits until it is let go.
class TogetherTest : public testing::Test {
 protected:
  void Send(Cart& cart) {
    if (cart.parcels.front()->size == kHeld) {
      under_way_.set_value();
      let_go_.get_future().wait();
    }
    for (Parcel* const parcel : cart.parcels)
      parcel->answer = static_cast<int>(cart.parcels.size());
  }
  static constexpr int kHeld = 7;

  std::promise<void> under_way_;
  std::promise<void> let_go_;
  Together<Cart> together_{1, [this](Cart& cart) { Send(cart); }};
};

TEST_F(TogetherTest, OneThatIsAloneGoesAlone) {
  Parcel parcel;
  together_.Run(parcel);
  EXPECT_EQ(parcel.answer, 1);
}

TEST_F(TogetherTest, WhatWaitsForALineGoesTogether) {
  Parcel held{kHeld};
  std::thread first([&] { together_.Run(held); });
  under_way_.get_future().wait();
  std::vector<Parcel> parcels(5);
  std::vector<std::thread> threads;
  for (Parcel& parcel : parcels) threads.emplace_back([&] { together_.Run(parcel); });
  Parcel large{9};
  threads.emplace_back([&] { together_.Run(large); });
  while (together_.waiting() < parcels.size() + 1) std::this_thread::yield();
  let_go_.set_value();
  first.join();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(held.answer, 1);
  // It takes one of the small ones along at the most.
  EXPECT_LE(large.answer, 2);
  for (const Parcel& parcel : parcels)
    EXPECT_TRUE(parcel.answer >= 4 || parcel.answer == large.answer);
}

TEST_F(TogetherTest, ManyAtOnceAreAllAnswered) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; n < 1'000; ++n) {
        Parcel parcel{1 + i % 5};
        together_.Run(parcel);
        ASSERT_GE(parcel.answer, 1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace twinseal
