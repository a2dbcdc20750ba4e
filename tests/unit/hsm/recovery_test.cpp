#include "hsm/pkcs11/recovery.h"

#include <gtest/gtest.h>

namespace twinseal::hsm {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class RecoveryTest : public testing::Test {
 protected:
  RecoveryTest() {
    policy_.first_delay = milliseconds(100);
    policy_.max_delay = milliseconds(1000);
    policy_.quiet_period = seconds(30);
    policy_.faults_before_module = 3;
    policy_.now = [this] { return now_; };
    policy_.jitter = [this] { return jitter_; };
  }

  milliseconds Wait() const {
    return std::chrono::duration_cast<milliseconds>(recovery_.UntilNextAttempt());
  }

  RecoveryPolicy::Clock::time_point now_{seconds(1000)};
  double jitter_ = 0.5;
  RecoveryPolicy policy_;
  Recovery recovery_{policy_};
};

TEST_F(RecoveryTest, MendsTheFirstFaultAtOnceAndThenBacksOff) {
  recovery_.SessionFault(Loss::kSession, 1, 1);
  EXPECT_LE(Wait(), milliseconds(0));
  std::vector<milliseconds> waits;
  for (int i = 0; i < 6; ++i) {
    recovery_.AttemptFailed(Loss::kSession);
    waits.push_back(Wait());
  }
  EXPECT_EQ(waits,
            (std::vector<milliseconds>{milliseconds(100), milliseconds(200), milliseconds(400),
                                       milliseconds(800), milliseconds(1000), milliseconds(1000)}));
}

TEST_F(RecoveryTest, SpreadsTheDelays) {
  recovery_.AttemptFailed(Loss::kSession);
  jitter_ = 0.0;
  recovery_.AttemptFailed(Loss::kSession);
  EXPECT_EQ(Wait(), milliseconds(75));
  jitter_ = 1.0;
  recovery_.AttemptFailed(Loss::kSession);
  EXPECT_EQ(Wait(), milliseconds(250));
}

TEST_F(RecoveryTest, SessionsOfOneIncidentCountOnce) {
  recovery_.SessionFault(Loss::kToken, 1, 4);
  recovery_.SessionFault(Loss::kToken, 2, 4);
  recovery_.SessionFault(Loss::kToken, 3, 4);
  recovery_.SessionFault(Loss::kToken, 4, 4);
  EXPECT_LE(Wait(), milliseconds(0));
  EXPECT_FALSE(recovery_.module_lost());
  recovery_.SessionFault(Loss::kToken, 5, 5);
  EXPECT_EQ(Wait(), milliseconds(100));
}

TEST_F(RecoveryTest, GoesDownToTheModuleWhenFaultsGoOn) {
  recovery_.SessionFault(Loss::kToken, 1, 1);
  recovery_.SessionFault(Loss::kToken, 2, 2);
  EXPECT_FALSE(recovery_.module_lost());
  recovery_.SessionFault(Loss::kToken, 3, 3);
  EXPECT_TRUE(recovery_.module_lost());
  recovery_.ModuleInitialized();
  EXPECT_FALSE(recovery_.module_lost());
}

TEST_F(RecoveryTest, LostModuleIsKnownAtOnceAlsoFromAnOldSession) {
  recovery_.SessionFault(Loss::kSession, 1, 2);
  recovery_.SessionFault(Loss::kModule, 2, 2);
  EXPECT_TRUE(recovery_.module_lost());
}

TEST_F(RecoveryTest, WrongPinNeverInitializesTheModule) {
  for (int i = 0; i < 20; ++i) recovery_.AttemptFailed(Loss::kNothing);
  EXPECT_FALSE(recovery_.module_lost());
  EXPECT_EQ(Wait(), milliseconds(1000));
}

TEST_F(RecoveryTest, ForgetsAfterAQuietPeriod) {
  for (int i = 0; i < 5; ++i) recovery_.AttemptFailed(Loss::kSession);
  now_ += seconds(31);
  recovery_.AttemptFailed(Loss::kSession);
  EXPECT_LE(Wait(), milliseconds(0));
}

}  // namespace
}  // namespace twinseal::hsm
