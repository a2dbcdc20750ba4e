// Sites that die, hang, drain and come back under an application that signs.
#include <atomic>
#include <cstdlib>
#include <thread>

#include "tests/support/relay.h"
#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

class FailoverTest : public SigningTest {
 protected:
  CK_RV SignAbc() { return Sign({CKM_ECDSA_SHA256, nullptr, 0}, kAbc); }
  // How long it takes to sign that often; each must succeed.
  Clock::duration TimeOf(int signatures) {
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < signatures; ++i) EXPECT_EQ(SignAbc(), CKR_OK);
    return Clock::now() - start;
  }
};

TEST_F(FailoverTest, ASiteThatDies) {
  Begin(v1::EC_P256);
  ASSERT_EQ(SignAbc(), CKR_OK);
  a_.Kill();
  EXPECT_EQ(SignAbc(), CKR_OK);
  a_.Start();
  b_.Kill();
  EXPECT_EQ(SignAbc(), CKR_OK);
}

TEST_F(FailoverTest, ASiteThatDrains) {
  Begin(v1::EC_P256);
  a_.Fail(Error(Code::kUnavailable, "draining"));
  EXPECT_EQ(SignAbc(), CKR_OK);
}

// The session and the handle are those of before.
TEST_F(FailoverTest, BothDownAndUpAgain) {
  Configure("timeout = 2");
  Begin(v1::EC_P256);
  ASSERT_EQ(SignAbc(), CKR_OK);
  a_.Kill();
  b_.Kill();
  const Clock::time_point start = Clock::now();
  EXPECT_EQ(SignAbc(), CKR_DEVICE_ERROR);
  // Two, and what a loaded machine takes.
  EXPECT_LT(Clock::now() - start, seconds(8));
  a_.Start();
  b_.Start();
  EXPECT_EQ(SignAbc(), CKR_OK);
}

TEST_F(FailoverTest, BothHang) {
  Configure("timeout = 2");
  Begin(v1::EC_P256);
  a_.Hold();
  b_.Hold();
  const Clock::time_point start = Clock::now();
  EXPECT_EQ(SignAbc(), CKR_DEVICE_ERROR);
  EXPECT_LT(Clock::now() - start, seconds(8));
  a_.Release();
  b_.Release();
  EXPECT_EQ(SignAbc(), CKR_OK);
}

// Thirty that each waited for it would take as many seconds.
TEST_F(FailoverTest, ASiteThatAnswersNothingCostsLittle) {
  Begin(v1::EC_P256);
  a_.Hold();
  EXPECT_LT(TimeOf(30), seconds(10));
}

TEST_F(FailoverTest, ASiteBehindADeadLinkCostsLittle) {
  test::Relay link(a_.port());
  const std::string path =
      files_.Configure({"https://127.0.0.1:" + std::to_string(link.port()), b_.Endpoint()}, false);
  setenv("TWINSEAL_PKCS11_CONF", path.c_str(), 1);
  configured_ = true;
  Begin(v1::EC_P256);
  link.Freeze();
  EXPECT_LT(TimeOf(30), seconds(10));
}

TEST_F(FailoverTest, NoneOfSixteenThreadsNoticesADeath) {
  constexpr int kThreads = 16;
  constexpr int kBefore = 10;
  constexpr int kAfter = 20;
  Configure("timeout = 300");
  Begin(v1::EC_P256);
  std::atomic<bool> died{false};
  std::atomic<int> signed_before{0};
  std::atomic<int> failed{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      const CK_SESSION_HANDLE session = app_.OpenSession();
      Bytes signature;
      for (int left = kAfter; left > 0;) {
        if (died) --left;
        const CK_RV rv = app_.Sign(session, {CKM_ECDSA_SHA256, nullptr, 0}, key_, kAbc, signature);
        if (rv != CKR_OK || !OpensslVerifies(der_, "SHA256", RsaPadding::kNone, kAbc, signature))
          ++failed;
        ++signed_before;
        signed_before.notify_one();
      }
    });
  }
  for (int so_far = signed_before; so_far < kThreads * kBefore; so_far = signed_before)
    signed_before.wait(so_far);
  a_.Kill();
  died = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
}

}  // namespace
}  // namespace twinseal::pkcs11
