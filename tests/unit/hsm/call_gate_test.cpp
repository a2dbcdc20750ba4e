#include "hsm/pkcs11/call_gate.h"

#include <latch>
#include <thread>

#include <gtest/gtest.h>

namespace twinseal::hsm {
namespace {

constexpr std::chrono::seconds kLong{30};
constexpr std::chrono::milliseconds kShort{5};

TEST(CallGate, KeepsCallsOutWhileClosed) {
  CallGate gate;
  ASSERT_TRUE(gate.Enter());
  gate.Leave();
  ASSERT_TRUE(gate.CloseUntil(std::chrono::steady_clock::now() + kLong));
  EXPECT_FALSE(gate.Enter());
  gate.Open();
  EXPECT_TRUE(gate.Enter());
  gate.Leave();
}

TEST(CallGate, GivesUpOnACallThatDoesNotReturn) {
  CallGate gate;
  ASSERT_TRUE(gate.Enter());
  EXPECT_FALSE(gate.CloseUntil(std::chrono::steady_clock::now() + kShort));
  EXPECT_FALSE(gate.CloseUntil(std::chrono::steady_clock::now() - kShort));
  gate.Leave();
  EXPECT_TRUE(gate.Enter()) << "the gate is open again";
  gate.Leave();
}

TEST(CallGate, ClosesWhenTheCallReturns) {
  CallGate gate;
  std::latch entered(1);
  std::latch closing(1);
  std::thread caller([&] {
    ASSERT_TRUE(gate.Enter());
    entered.count_down();
    closing.wait();
    gate.Leave();
  });
  entered.wait();
  closing.count_down();
  EXPECT_TRUE(gate.CloseUntil(std::chrono::steady_clock::now() + kLong));
  caller.join();
  EXPECT_FALSE(gate.Enter());
}

// What the gate keeps apart is an unguarded number: the thread sanitizer would see a race, and an
// odd sum a lost call.
TEST(CallGate, ExcludesUnderLoad) {
  constexpr int kRounds = 2000;
  CallGate gate;
  std::uint64_t shared = 0;
  std::atomic<bool> stop = false;
  std::uint64_t calls = 0;
  std::thread caller([&] {
    while (!stop) {
      if (!gate.Enter()) continue;
      ++shared;
      ++calls;
      gate.Leave();
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    ASSERT_TRUE(gate.CloseUntil(std::chrono::steady_clock::now() + kLong));
    ++shared;
    gate.Open();
  }
  stop = true;
  caller.join();
  EXPECT_EQ(shared, calls + kRounds);
}

}  // namespace
}  // namespace twinseal::hsm
