// fork(): the child has nothing until it initializes, the parent keeps what it has.
#include <cstdlib>
#include <functional>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

class ForkTest : public SigningTest {
 protected:
  // With one site, so that no connection is made to measure another.
  ForkTest() {
    const std::string path = files_.Configure({a_.Endpoint()}, false);
    setenv("TWINSEAL_PKCS11_CONF", path.c_str(), 1);
    configured_ = true;
    Begin(v1::EC_P256);
  }

  CK_RV SignAbc() { return Sign({CKM_ECDSA_SHA256, nullptr, 0}, kAbc); }

  // What `work` gives in a child, which a signal ends if that takes a minute.
  static int InChild(const std::function<int()>& work) {
    constexpr unsigned kSeconds = 60;
    const pid_t child = fork();
    if (child == 0) {
      alarm(kSeconds);
      _exit(work());
    }
    int status = 0;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  // The step at which a child fails; 0 when it goes all the way.
  int BeginAnewAndSign() {
    CK_INFO info{};
    if (module_.C_GetInfo(&info) != CKR_CRYPTOKI_NOT_INITIALIZED) return 1;
    if (SignAbc() != CKR_CRYPTOKI_NOT_INITIALIZED) return 2;
    if (module_.C_Initialize(nullptr) != CKR_OK) return 3;
    session_ = app_.OpenSession();
    key_ = PrivateKey(session_, "signer");
    if (SignAbc() != CKR_OK) return 4;
    if (!OpensslVerifies(der_, "SHA256", RsaPadding::kNone, kAbc, signature_)) return 5;
    return module_.C_Finalize(nullptr) == CKR_OK ? 0 : 6;
  }
};

TEST_F(ForkTest, TheChildInitializesForItself) {
  ASSERT_EQ(SignAbc(), CKR_OK);
  EXPECT_EQ(InChild([&] { return BeginAnewAndSign(); }), 0);
}

TEST_F(ForkTest, TheParentsConnectionsGoOn) {
  ASSERT_EQ(SignAbc(), CKR_OK);
  const std::uint64_t before = a_.connections();
  EXPECT_EQ(InChild([] { return 0; }), 0);
  EXPECT_EQ(SignAbc(), CKR_OK);
  EXPECT_EQ(a_.connections(), before);
  EXPECT_EQ(InChild([&] { return BeginAnewAndSign(); }), 0);
  EXPECT_EQ(SignAbc(), CKR_OK);
  EXPECT_EQ(a_.connections(), before + 1);
}

TEST_F(ForkTest, InTheMiddleOfASignature) {
  a_.Hold();
  const std::size_t before = a_.requests();
  CK_RV rv = CKR_GENERAL_ERROR;
  Bytes signature;
  std::thread signer([&] {
    rv = app_.Sign(session_, {CKM_ECDSA_SHA256, nullptr, 0}, key_, kAbc, signature);
  });
  a_.AwaitRequests(before + 1);
  a_.Serve();
  EXPECT_EQ(InChild([&] { return BeginAnewAndSign(); }), 0);
  a_.Release();
  signer.join();
  EXPECT_EQ(rv, CKR_OK);
  EXPECT_TRUE(OpensslVerifies(der_, "SHA256", RsaPadding::kNone, kAbc, signature));
}

TEST_F(ForkTest, AGrandchildAsWell) {
  EXPECT_EQ(InChild([&] {
              if (const int step = BeginAnewAndSign(); step != 0) return step;
              if (module_.C_Initialize(nullptr) != CKR_OK) return 7;
              const int below = InChild([&] { return BeginAnewAndSign(); });
              return below == 0 ? 0 : 8;
            }),
            0);
}

TEST_F(ForkTest, AParentThatIsNotInitialized) {
  ASSERT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  EXPECT_EQ(InChild([&] { return BeginAnewAndSign(); }), 0);
}

}  // namespace
}  // namespace twinseal::pkcs11
