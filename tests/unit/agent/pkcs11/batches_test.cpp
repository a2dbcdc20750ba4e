// Threads that wait for one key, where its policy lets signatures share an activation.
#include <atomic>
#include <thread>
#include <vector>

#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

constexpr int kSigners = 12;
constexpr std::uint32_t kMostTogether = 4;

class BatchesTest : public SigningTest {
 protected:
  void BeginSharing(const std::string& configuration) {
    Configure(configuration);
    domain_.Make("signer", v1::EC_P256);
    domain_.Share("signer", kMostTogether);
    session_ = InitializeAndOpen();
    key_ = PrivateKey(session_, "signer");
    der_ = app_.Attribute(session_, PublicKey(session_, "signer"), CKA_PUBLIC_KEY_INFO);
    for (int i = 0; i < kSigners; ++i) sessions_.push_back(app_.OpenSession());
  }

  // Each thread signs a few times something of its own. How many calls did not end with `wanted`,
  // or with a signature that is not over what that thread gave.
  int Round(CK_RV wanted, int times = 4) {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kSigners; ++thread) {
      threads.emplace_back([this, &wrong, thread, wanted, times] {
        for (int i = 0; i < times; ++i) {
          const Bytes data = {static_cast<std::uint8_t>(thread), static_cast<std::uint8_t>(i)};
          Bytes signature;
          const CK_RV rv = app_.Sign(sessions_[static_cast<std::size_t>(thread)],
                                     {CKM_ECDSA_SHA256, nullptr, 0}, key_, data, signature);
          if (rv != wanted) ++wrong;
          if (rv == CKR_OK &&
              !OpensslVerifies(der_, "SHA256", RsaPadding::kNone, data, signature)) {
            ++wrong;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return wrong;
  }

  std::vector<CK_SESSION_HANDLE> sessions_;
};

TEST_F(BatchesTest, EachGetsItsOwnSignatureAndNoBatchIsTooLarge) {
  BeginSharing("timeout = 300");
  // Whether two threads meet is chance; in the end some do.
  while (a_.requests("SignBatch") + b_.requests("SignBatch") == 0) ASSERT_EQ(Round(CKR_OK), 0);
  ASSERT_EQ(Round(CKR_OK), 0);
  EXPECT_GT(domain_.largest_batch(), 1U);
  EXPECT_LE(domain_.largest_batch(), kMostTogether);
}

TEST_F(BatchesTest, ARefusalIsToldToEachAndHoldsNobodyUp) {
  BeginSharing("timeout = 300");
  a_.Fail(Error(Code::kPermissionDenied, "no"));
  b_.Fail(Error(Code::kPermissionDenied, "no"));
  EXPECT_EQ(Round(CKR_KEY_FUNCTION_NOT_PERMITTED), 0);
  a_.Serve();
  b_.Serve();
  EXPECT_EQ(Round(CKR_OK), 0);
}

TEST_F(BatchesTest, WhoWaitsInVainStopsWhenItsTimeIsOver) {
  BeginSharing("timeout = 2");
  a_.Hold();
  b_.Hold();
  EXPECT_EQ(Round(CKR_DEVICE_ERROR, 1), 0);
  a_.Release();
  b_.Release();
}

}  // namespace
}  // namespace twinseal::pkcs11
