// What the module must leave alone in the process that loads it.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "tests/unit/agent/pkcs11/signing_fixture.h"

namespace twinseal::pkcs11 {
namespace {

std::size_t Count(const char* folder) {
  const std::filesystem::directory_iterator entries(folder);
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

class GuestTest : public SigningTest {
 protected:
  CK_RV SignAbc() { return Sign({CKM_ECDSA_SHA256, nullptr, 0}, kAbc); }

  // Much of what goes well, and of what does not.
  void UseIt() {
    Configure("timeout = 10", true);
    domain_.Make("signer", v1::EC_P256);
    session_ = InitializeAndOpen();
    EXPECT_EQ(app_.Login(session_, "wrong"), CKR_PIN_INCORRECT);
    ASSERT_EQ(app_.Login(session_, test::kPin), CKR_OK);
    key_ = PrivateKey(session_, "signer");
    public_key_ = PublicKey(session_, "signer");
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] {
        Bytes signature;
        EXPECT_EQ(
            app_.Sign(app_.OpenSession(), {CKM_ECDSA_SHA256, nullptr, 0}, key_, kAbc, signature),
            CKR_OK);
      });
    }
    for (std::thread& thread : threads) thread.join();
    ASSERT_EQ(SignAbc(), CKR_OK);
    signature_[0] ^= 1U;
    EXPECT_EQ(Verify({CKM_ECDSA_SHA256, nullptr, 0}, kAbc), CKR_SIGNATURE_INVALID);
    a_.Kill();
    EXPECT_EQ(SignAbc(), CKR_OK);
    b_.Kill();
    EXPECT_EQ(SignAbc(), CKR_DEVICE_ERROR);
    EXPECT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  }
};

TEST_F(GuestTest, NoOutput) {
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  UseIt();
  setenv("TWINSEAL_PKCS11_CONF", "/nowhere", 1);
  EXPECT_EQ(module_.C_Initialize(nullptr), CKR_GENERAL_ERROR);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// The sites are in this process as well: they are down when it is counted.
TEST_F(GuestTest, NoDescriptorsOrThreadsAreLeft) {
  a_.Kill();
  b_.Kill();
  const std::size_t descriptors = Count("/proc/self/fd");
  const std::size_t threads = Count("/proc/self/task");
  for (int i = 0; i < 2; ++i) {
    a_.Start();
    b_.Start();
    UseIt();
    EXPECT_EQ(Count("/proc/self/fd"), descriptors);
    EXPECT_EQ(Count("/proc/self/task"), threads);
  }
}

TEST_F(GuestTest, NoThreadsOfItsOwnWhileItWorks) {
  const std::size_t threads = Count("/proc/self/task");
  Begin(v1::EC_P256);
  ASSERT_EQ(SignAbc(), CKR_OK);
  EXPECT_EQ(Count("/proc/self/task"), threads);
}

// Its default action ends the process.
TEST_F(GuestTest, NoSigpipe) {
  struct sigaction action {};
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &action), 0);
  ASSERT_EQ(action.sa_handler, SIG_DFL);
  Begin(v1::EC_P256);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(SignAbc(), CKR_OK);
    a_.Kill();
    a_.Start();
    EXPECT_EQ(SignAbc(), CKR_OK);
    b_.Kill();
    b_.Start();
  }
  a_.Kill();
  b_.Kill();
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  ASSERT_EQ(sigaction(SIGPIPE, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

// OpenSSL keeps errors for each thread. One of ours would be taken for one of the application's
// own connections (SSL_get_error).
TEST_F(GuestTest, NoErrorsInOpensslsQueue) {
  ERR_clear_error();
  Configure("timeout = 10", true);
  domain_.Make("signer", v1::EC_P256);
  session_ = InitializeAndOpen();
  EXPECT_EQ(ERR_peek_error(), 0U);
  EXPECT_EQ(app_.Login(session_, "wrong"), CKR_PIN_INCORRECT);
  EXPECT_EQ(ERR_peek_error(), 0U);
  ASSERT_EQ(app_.Login(session_, test::kPin), CKR_OK);
  key_ = PrivateKey(session_, "signer");
  public_key_ = PublicKey(session_, "signer");
  ASSERT_EQ(SignAbc(), CKR_OK);
  EXPECT_EQ(ERR_peek_error(), 0U);
  signature_ = Bytes(64, 0);
  EXPECT_EQ(Verify({CKM_ECDSA_SHA256, nullptr, 0}, kAbc), CKR_SIGNATURE_INVALID);
  EXPECT_EQ(ERR_peek_error(), 0U);
  a_.Kill();
  b_.Kill();
  EXPECT_EQ(SignAbc(), CKR_DEVICE_ERROR);
  EXPECT_EQ(ERR_peek_error(), 0U);
  EXPECT_EQ(module_.C_Finalize(nullptr), CKR_OK);
  files_.Write("ca.pem", "nothing of the kind");
  EXPECT_EQ(module_.C_Initialize(nullptr), CKR_GENERAL_ERROR);
  EXPECT_EQ(ERR_peek_error(), 0U);
}

// A program that the application starts has no use for them.
TEST_F(GuestTest, ConnectionsDoNotOutliveExec) {
  Begin(v1::EC_P256);
  ASSERT_EQ(SignAbc(), CKR_OK);
  std::size_t connections = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_port != htons(a_.port()) && peer.sin_port != htons(b_.port())) continue;
    ++connections;
    EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  }
  EXPECT_GT(connections, 0U);
}

}  // namespace
}  // namespace twinseal::pkcs11
