// Many threads, also such as do not mind each other.
#include <atomic>
#include <functional>
#include <set>
#include <thread>

#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class ThreadsTest : public SigningTest {
 protected:
  // Handshakes of many threads at once take long under a sanitizer.
  ThreadsTest() {
    Configure("timeout = 300");
    Begin(v1::EC_P256);
  }

  static void InThreads(int count, const std::function<void(int)>& work) {
    std::vector<std::thread> threads;
    for (int i = 0; i < count; ++i) threads.emplace_back(work, i);
    for (std::thread& thread : threads) thread.join();
  }
  CK_RV SignIn(CK_SESSION_HANDLE session, Bytes& signature) const {
    return app_.Sign(session, {CKM_ECDSA_SHA256, nullptr, 0}, key_, kAbc, signature);
  }
  bool IsGood(const Bytes& signature) const {
    return OpensslVerifies(der_, "SHA256", RsaPadding::kNone, kAbc, signature);
  }
};

TEST_F(ThreadsTest, SessionsOfTheirOwn) {
  std::atomic<int> failed{0};
  InThreads(16, [&](int) {
    const CK_SESSION_HANDLE session = app_.OpenSession();
    Bytes signature;
    for (int i = 0; i < 4; ++i) {
      if (SignIn(session, signature) != CKR_OK || !IsGood(signature)) ++failed;
    }
    if (module_.C_CloseSession(session) != CKR_OK) ++failed;
  });
  EXPECT_EQ(failed, 0);
}

// Which of the calls succeed is chance. That a signature is good is not.
TEST_F(ThreadsTest, OneSessionForAll) {
  std::atomic<int> wrong{0};
  const std::set<CK_RV> expected = {CKR_OK, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED};
  InThreads(64, [&](int number) {
    for (int i = 0; i < 8; ++i) {
      CK_RV rv = CKR_OK;
      Bytes signature;
      Template all;
      CK_MECHANISM hash{CKM_SHA256, nullptr, 0};
      CK_SESSION_INFO info{};
      switch ((number + i) % 4) {
        case 0:
          rv = SignIn(session_, signature);
          if (rv == CKR_OK && !IsGood(signature)) ++wrong;
          break;
        case 1:
          app_.FindAll(session_, all);
          break;
        case 2:
          rv = module_.C_DigestInit(session_, &hash);
          break;
        default:
          signature.resize(64);
          CK_ULONG size = signature.size();
          rv = module_.C_DigestFinal(session_, signature.data(), &size);
          if (module_.C_GetSessionInfo(session_, &info) != CKR_OK) ++wrong;
      }
      if (!expected.contains(rv)) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST_F(ThreadsTest, SessionsThatAreClosedUnderWay) {
  std::atomic<int> wrong{0};
  const std::set<CK_RV> expected = {CKR_OK, CKR_SESSION_HANDLE_INVALID};
  InThreads(16, [&](int number) {
    for (int i = 0; i < 20; ++i) {
      if (number == 0) {
        if (module_.C_CloseAllSessions(0) != CKR_OK) ++wrong;
        continue;
      }
      Bytes signature;
      const CK_SESSION_HANDLE session = app_.OpenSession();
      const CK_RV rv = SignIn(session, signature);
      if (!expected.contains(rv) || (rv == CKR_OK && !IsGood(signature))) ++wrong;
      if (!expected.contains(module_.C_CloseSession(session))) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
}

// A call that is under way ends with its result, though its session is closed meanwhile.
TEST_F(ThreadsTest, ASessionIsClosedWhileTheApplianceWorks) {
  a_.Hold();
  b_.Hold();
  const std::size_t before = a_.requests();
  Bytes signature;
  CK_RV rv = CKR_GENERAL_ERROR;
  std::thread signer([&] { rv = SignIn(session_, signature); });
  a_.AwaitRequests(before + 1);
  EXPECT_EQ(module_.C_CloseSession(session_), CKR_OK);
  a_.Release();
  b_.Release();
  signer.join();
  EXPECT_EQ(rv, CKR_OK);
  EXPECT_TRUE(IsGood(signature));
  EXPECT_EQ(SignIn(session_, signature), CKR_SESSION_HANDLE_INVALID);
}

TEST_F(ThreadsTest, FinalizeEndsWhatIsUnderWay) {
  constexpr std::size_t kThreads = 4;
  a_.Hold();
  b_.Hold();
  const std::size_t before = a_.requests();
  std::atomic<int> canceled{0};
  std::thread threads([&] {
    InThreads(kThreads, [&](int) {
      Bytes signature;
      if (SignIn(app_.OpenSession(), signature) == CKR_FUNCTION_CANCELED) ++canceled;
    });
  });
  a_.AwaitRequests(before + kThreads);
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  threads.join();
  EXPECT_EQ(canceled, static_cast<int>(kThreads));
}

TEST_F(ThreadsTest, InitializeAndFinalizeOfAll) {
  ASSERT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  std::atomic<int> wrong{0};
  const std::set<CK_RV> expected = {CKR_OK, CKR_CRYPTOKI_ALREADY_INITIALIZED,
                                    CKR_CRYPTOKI_NOT_INITIALIZED};
  InThreads(16, [&](int) {
    for (int i = 0; i < 10; ++i) {
      CK_INFO info{};
      if (!expected.contains(module_.C_Initialize(nullptr))) ++wrong;
      if (!expected.contains(module_.C_GetInfo(&info))) ++wrong;
      if (!expected.contains(module_.C_Finalize(nullptr))) ++wrong;
    }
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace twinseal::pkcs11
