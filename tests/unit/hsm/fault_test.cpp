// Faults injected between the layer and the module: what callers see, and how it comes back.
#include <future>
#include <thread>

#include "hsm/pkcs11/key_kinds.h"
#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::hsm {
namespace {

class FaultTest : public TokenTest {
 protected:
  void SetUp() override {
    token_.Interpose();
    options_ = token_.options();
    options_->on_event = [this](const std::string& event) { events_.push_back(event); };
    Connect();
    auto key = GenerateMacKey(*session_, {.token = true, .label = "mac"});
    ASSERT_THAT(key, IsOk());
    key->Release();
    ASSERT_THAT(Mac(*session_), IsOk());
  }

  // For the tests that wait until they are over.
  void ConnectWithShortLimits() {
    session_.reset();
    connection_.reset();
    options_->recovery.call_limit = std::chrono::milliseconds(200);
    options_->recovery.wait_limit = std::chrono::milliseconds(50);
    Connect();
  }

  static Result<Bytes> Mac(Session& session) {
    TWINSEAL_RETURN_IF_ERROR(session.Ensure());
    TWINSEAL_ASSIGN_OR_RETURN(const Object key, session.FindTokenObject(CKO_SECRET_KEY, "mac"));
    return session.Sign(Mechanism(CKM_SHA256_HMAC), key, kDigest);
  }

  std::vector<std::string> events_;
};
TWINSEAL_ON_EACH_TOKEN(FaultTest);

TEST_P(FaultTest, AModuleThatTakesNoLocksOfOursHasItsOwn) {
  session_.reset();
  connection_.reset();
  token_.Script("C_Initialize error CKR_CANT_LOCK times 1");
  Connect();
  EXPECT_THAT(Mac(*session_), IsOk());
}

// As at a start, when every worker opens its session.
TEST_P(FaultTest, WhereNothingWasLostASlowSetUpIsWaitedFor) {
  session_.reset();
  connection_.reset();
  options_->recovery.wait_limit = std::chrono::milliseconds(10);
  Connect();
  token_.Script("C_OpenSession delay 100ms");
  std::vector<std::future<Status>> opened;
  for (int i = 0; i < 4; ++i) {
    opened.push_back(
        std::async(std::launch::async, [this] { return connection_->NewSession()->Ensure(); }));
  }
  for (std::future<Status>& one : opened) EXPECT_THAT(one.get(), IsOk());
}

TEST_P(FaultTest, ATokenObjectIsCopiedIntoTheSessionOrUsedAsItIs) {
  const auto token_object = session_->FindTokenObject(CKO_SECRET_KEY, "mac");
  ASSERT_THAT(token_object, IsOk());
  const auto expected = Mac(*session_);
  ASSERT_THAT(expected, IsOk());
  const auto copy = session_->SessionCopy(CKO_SECRET_KEY, "mac");
  ASSERT_THAT(copy, IsOk());
  EXPECT_NE(*copy, *token_object);
  EXPECT_EQ(*session_->SessionCopy(CKO_SECRET_KEY, "mac"), *copy);
  EXPECT_EQ(*session_->GetBool(*copy, CKA_TOKEN), false);
  EXPECT_EQ(*session_->GetBool(*copy, CKA_SENSITIVE), true);
  EXPECT_EQ(*session_->Sign(Mechanism(CKM_SHA256_HMAC), *copy, kDigest), *expected);
  EXPECT_EQ(*session_->FindTokenObject(CKO_SECRET_KEY, "mac"), *token_object);

  session_->ForgetTokenObjects();
  token_.Script("C_CopyObject error CKR_FUNCTION_NOT_SUPPORTED");
  EXPECT_EQ(*session_->SessionCopy(CKO_SECRET_KEY, "mac"), *token_object);

  session_->ForgetTokenObjects();
  token_.Script("C_CopyObject error CKR_DEVICE_REMOVED times 1");
  EXPECT_THAT(session_->SessionCopy(CKO_SECRET_KEY, "mac"),
              Fails(Code::kUnavailable, "CKR_DEVICE_REMOVED"));
}

TEST_P(FaultTest, EveryLossIsUnavailableOnceAndThenMended) {
  for (const char* rv :
       {"CKR_SESSION_HANDLE_INVALID", "CKR_SESSION_CLOSED", "CKR_USER_NOT_LOGGED_IN",
        "CKR_DEVICE_ERROR", "CKR_DEVICE_REMOVED", "CKR_TOKEN_NOT_PRESENT",
        "CKR_TOKEN_NOT_RECOGNIZED", "CKR_SLOT_ID_INVALID", "CKR_CRYPTOKI_NOT_INITIALIZED",
        "CKR_OPERATION_ACTIVE", "CKR_OPERATION_NOT_INITIALIZED", "CKR_MUTEX_BAD"}) {
    SCOPED_TRACE(rv);
    const std::uint64_t before = session_->incarnation();
    token_.Script("C_Sign error " + std::string(rv) + " times 1");
    EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable, rv));
    EXPECT_FALSE(session_->ready());
    EXPECT_THAT(connection_->Describe(), testing::HasSubstr(rv));
    std::array<std::uint8_t, 1> byte{};
    EXPECT_THAT(session_->Random(byte), Fails(Code::kUnavailable, "CKR_SESSION_CLOSED"));
    EXPECT_THAT(Mac(*session_), IsOk());
    EXPECT_NE(session_->incarnation(), before);
    EXPECT_EQ(connection_->Describe(), "ready");
  }
  EXPECT_THAT(events_, testing::Each("the connection to the HSM is restored"));
}

TEST_P(FaultTest, OtherFailuresCostNothing) {
  for (const char* rv : {"CKR_FUNCTION_FAILED", "CKR_DATA_LEN_RANGE", "CKR_HOST_MEMORY",
                         "CKR_KEY_HANDLE_INVALID", "CKR_0x80000123"}) {
    SCOPED_TRACE(rv);
    token_.Script("C_SignInit error " + std::string(rv) + " times 1");
    const auto mac = Mac(*session_);
    ASSERT_FALSE(mac.ok());
    EXPECT_EQ(mac.error().origin(), rv);
    EXPECT_TRUE(session_->ready());
    EXPECT_THAT(Mac(*session_), IsOk());
  }
}

TEST_P(FaultTest, GeneralErrorsInARowEndASession) {
  std::array<std::uint8_t, 8> bytes{};
  token_.Script("C_GenerateRandom error CKR_GENERAL_ERROR times 3");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(session_->ready());
    EXPECT_THAT(session_->Random(bytes), Fails(Code::kUnavailable, "CKR_GENERAL_ERROR"));
  }
  EXPECT_FALSE(session_->ready());
  EXPECT_THAT(session_->Ensure(), IsOk());
  EXPECT_THAT(session_->Random(bytes), IsOk());
}

TEST_P(FaultTest, ObjectsOfALostSessionAreNotDestroyedAgain) {
  auto key = GenerateWrappingKey(*session_, {});
  ASSERT_THAT(key, IsOk());
  token_.Script("C_Sign error CKR_SESSION_HANDLE_INVALID times 1");
  ASSERT_THAT(Mac(*session_), Fails(Code::kUnavailable));
  ASSERT_THAT(session_->Ensure(), IsOk());
  token_.Script("C_DestroyObject crash");
  EXPECT_THAT(key->Destroy(), IsOk());
}

TEST_P(FaultTest, ModuleIsInitializedAgainWhenFaultsGoOn) {
  const auto other = connection_->NewSession();
  ASSERT_THAT(other->Ensure(), IsOk());
  token_.Script("C_Sign error CKR_DEVICE_ERROR times 3");
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(other->ready());
    EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable, "CKR_DEVICE_ERROR"));
  }
  EXPECT_THAT(Mac(*session_), IsOk());
  EXPECT_FALSE(other->ready()) << "its session went with the module's state";
  EXPECT_THAT(Mac(*other), IsOk());
}

TEST_P(FaultTest, EverySessionComesBackAfterTheModuleWasInitializedAgain) {
  std::vector<std::unique_ptr<Session>> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(connection_->NewSession());
    ASSERT_THAT(Mac(*others.back()), IsOk());
  }
  token_.Script("C_Sign error CKR_CRYPTOKI_NOT_INITIALIZED times 1");
  EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable, "CKR_CRYPTOKI_NOT_INITIALIZED"));
  EXPECT_THAT(Mac(*session_), IsOk());
  for (const auto& other : others) {
    EXPECT_FALSE(other->ready());
    EXPECT_THAT(Mac(*other), IsOk());
  }
}

TEST_P(FaultTest, TokenThatComesBackLaterIsFoundThen) {
  token_.Script(
      "C_Sign error CKR_DEVICE_REMOVED times 1\nC_OpenSession error CKR_TOKEN_NOT_PRESENT");
  EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable, "CKR_DEVICE_REMOVED"));
  for (int i = 0; i < 5; ++i)
    EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable, "CKR_TOKEN_NOT_PRESENT"));
  EXPECT_THAT(connection_->Describe(), testing::HasSubstr("lost (CKR_TOKEN_NOT_PRESENT)"));
  token_.Script("");
  EXPECT_THAT(Mac(*session_), IsOk());
}

TEST_P(FaultTest, BackOffAnswersAtOnce) {
  session_.reset();
  connection_.reset();
  auto now = RecoveryPolicy::Clock::now();
  options_->recovery.now = [&now] { return now; };
  options_->recovery.first_delay = std::chrono::seconds(10);
  Connect();
  token_.Script("C_Sign error CKR_DEVICE_ERROR\nC_OpenSession error CKR_DEVICE_ERROR");
  EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable));
  EXPECT_THAT(session_->Ensure(), Fails(Code::kUnavailable));
  token_.Script("* crash");  // Nothing is called before the time has come.
  const Status waiting = session_->Ensure();
  ASSERT_THAT(waiting, Fails(Code::kUnavailable, "CKR_DEVICE_ERROR"));
  EXPECT_THAT(waiting.error().message(), testing::HasSubstr("the next attempt is in"));
  EXPECT_THAT(connection_->Describe(),
              testing::MatchesRegex("lost \\(CKR_DEVICE_ERROR\\), next attempt in .* s"));
  now += std::chrono::seconds(13);
  token_.Script("");
  EXPECT_THAT(session_->Ensure(), IsOk());
}

TEST_P(FaultTest, HungCallBlocksNobodyElse) {
  auto stuck = connection_->NewSession();
  ASSERT_THAT(Mac(*stuck), IsOk());
  token_.Script("C_GenerateRandom hang");
  std::promise<void> begun;
  auto hung = std::async(std::launch::async, [&] {
    begun.set_value();
    std::array<std::uint8_t, 8> bytes{};
    return stuck->Random(bytes);
  });
  begun.get_future().wait();
  for (int i = 0; i < 20; ++i) EXPECT_THAT(Mac(*session_), IsOk());
  // A lost session comes back beside it.
  token_.Script("C_GenerateRandom hang\nC_Sign error CKR_SESSION_CLOSED times 1");
  EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable));
  EXPECT_THAT(Mac(*session_), IsOk());
  token_.Script("");
  EXPECT_THAT(hung.get(), IsOk());
}

TEST_P(FaultTest, HungCallKeepsTheModuleFromBeingInitializedAndThatIsSaid) {
  ConnectWithShortLimits();
  auto stuck = connection_->NewSession();
  ASSERT_THAT(Mac(*stuck), IsOk());
  token_.Script("C_GenerateRandom hang\nC_Sign error CKR_CRYPTOKI_NOT_INITIALIZED");
  // Until this thread is in the call, the module is initialized again without trouble, and it tries
  // anew.
  auto hung = std::async(std::launch::async, [&] {
    std::array<std::uint8_t, 8> bytes{};
    while (!connection_->needs_restart()) {
      if (stuck->Ensure().ok() && stuck->Random(bytes).ok()) break;
    }
  });
  Status status;
  while (!connection_->needs_restart()) status = Status(Mac(*session_).error());
  EXPECT_THAT(status, Fails(Code::kUnavailable));
  EXPECT_THAT(session_->Ensure(), Fails(Code::kUnavailable));
  EXPECT_THAT(connection_->Describe(), testing::HasSubstr("restart needed"));
  token_.Script("");
  hung.get();
}

TEST_P(FaultTest, HungSetUpLetsOthersGo) {
  ConnectWithShortLimits();
  auto other = connection_->NewSession();
  token_.Script("C_Sign error CKR_SESSION_CLOSED times 1\nC_OpenSession hang");
  EXPECT_THAT(Mac(*session_), Fails(Code::kUnavailable));
  // Whichever comes first hangs; the other is let go in time, again and again, until a restart is
  // asked for.
  const auto ensure = [this](Session& session) {
    Status status = session.Ensure();
    while (!connection_->needs_restart()) status = session.Ensure();
    return status;
  };
  auto one = std::async(std::launch::async, [&] { return ensure(*session_); });
  auto two = std::async(std::launch::async, [&] { return ensure(*other); });
  while (!connection_->needs_restart()) std::this_thread::yield();
  EXPECT_THAT(connection_->NewSession()->Ensure(), Fails(Code::kUnavailable));
  token_.Script("");
  (void)one.get();
  (void)two.get();
}

TEST_P(FaultTest, ManyThreadsComeBackTogether) {
  constexpr int kThreads = 4;
  constexpr int kCalls = 200;
  token_.Script(
      "C_Sign error CKR_DEVICE_ERROR after 100 times 1\n"
      "C_SignInit error CKR_SESSION_HANDLE_INVALID after 300 times 2\n"
      "C_Sign error CKR_CRYPTOKI_NOT_INITIALIZED after 500 times 1");
  std::vector<std::future<int>> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.push_back(std::async(std::launch::async, [this] {
      const auto session = connection_->NewSession();
      int failed = 0;
      for (int done = 0; done < kCalls;) {
        const auto mac = Mac(*session);
        if (mac.ok()) {
          ++done;
          continue;
        }
        ++failed;
        EXPECT_EQ(mac.error().code(), Code::kUnavailable) << mac.error().Describe();
      }
      return failed;
    }));
  }
  int failed = 0;
  for (auto& thread : threads) failed += thread.get();
  EXPECT_GE(failed, 4);
  EXPECT_THAT(Mac(*session_), IsOk());
}

TEST_P(FaultTest, CorruptedSignatureDoesNotVerify) {
  const auto pair = GenerateSigningPair(*session_, KeyKind::kEcP256, {});
  ASSERT_THAT(pair, IsOk());
  token_.Script("C_Sign corrupt times 1");
  const auto signature = session_->Sign(Mechanism(CKM_ECDSA), pair->private_key.get(), kDigest);
  ASSERT_THAT(signature, IsOk());
  EXPECT_THAT(session_->Verify(Mechanism(CKM_ECDSA), pair->public_key.get(), kDigest, *signature),
              Fails(Code::kDataLoss));
}

TEST_P(FaultTest, CrashInTheModuleIsACrash) {
  token_.Script("C_Sign crash");
  EXPECT_DEATH((void)Mac(*session_), "");
}

TEST_P(FaultTest, MisspeltScriptIsRefused) {
  session_.reset();
  connection_.reset();
  token_.Script("C_Sign eror CKR_DEVICE_ERROR");
  Connection connection(*options_, pin_);
  EXPECT_THAT(connection.Connect(), Fails(Code::kInternal, "CKR_ARGUMENTS_BAD"));
}

}  // namespace
}  // namespace twinseal::hsm
