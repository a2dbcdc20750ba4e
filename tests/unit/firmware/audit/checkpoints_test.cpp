#include <condition_variable>
#include <mutex>

#include "tests/unit/firmware/audit/audit_fixture.h"

namespace twinseal::audit {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

// A signer that tells how often it was called.
class CountingSigner {
 public:
  explicit CountingSigner(CheckpointSigner signer) : signer_(std::move(signer)) {}

  CheckpointSigner Signer() {
    return [this](std::string_view text) {
      const Result<CheckpointSignature> result = signer_(text);
      const std::lock_guard lock(mutex_);
      ++calls_;
      called_.notify_all();
      return result;
    };
  }
  void UntilCalled(int times) {
    std::unique_lock lock(mutex_);
    called_.wait(lock, [&] { return calls_ >= times; });
  }

 private:
  CheckpointSigner signer_;
  std::mutex mutex_;
  std::condition_variable called_;
  int calls_ = 0;
};

TEST_F(AuditTest, SignsTheTreeAsItIs) {
  const auto log = Open({.checkpoint_interval = hours(1), .clock = [] { return 42; }});
  EXPECT_EQ(log->MakeCheckpoint().error().code(), Code::kFailedPrecondition);
  log->StartCheckpoints(Signer());
  Fill(*log, 5);
  ASSERT_TRUE(log->MakeCheckpoint().ok());
  const auto page = log->ListCheckpoints(0, 0);
  ASSERT_EQ(page->checkpoints.size(), 1U);
  const v1::AuditCheckpoint& checkpoint = page->checkpoints.front();
  EXPECT_EQ(checkpoint.site(), "a");
  EXPECT_EQ(checkpoint.tree_size(), 5U);
  EXPECT_EQ(checkpoint.time_unix_us(), 42);
  EXPECT_EQ(checkpoint.key_id(), "00112233445566778899aabbccddeeff");
  EXPECT_EQ(checkpoint.key_version(), 3U);
  EXPECT_TRUE(VerifyCheckpoint(checkpoint, Site(), CheckWithPublicKey(key_.Pem()).value()).ok());
  const Report report = Verify(*log);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.covered, 5U);
}

TEST_F(AuditTest, SignsNothingTwice) {
  const auto log = Open({.checkpoint_interval = hours(1)});
  log->StartCheckpoints(Signer());
  ASSERT_TRUE(log->MakeCheckpoint().ok());
  EXPECT_EQ(signed_, 0);  // There is nothing to sign.
  Fill(*log, 1);
  ASSERT_TRUE(log->MakeCheckpoint().ok());
  ASSERT_TRUE(log->MakeCheckpoint().ok());
  log->Stop();
  EXPECT_EQ(signed_, 1);
  EXPECT_EQ(log->Counters().checkpoints, 1U);
}

TEST_F(AuditTest, SignsAfterSoManyRecords) {
  const auto log = Open({.checkpoint_records = 10, .checkpoint_interval = hours(1)});
  CountingSigner signer(Signer());
  log->StartCheckpoints(signer.Signer());
  Fill(*log, 9);
  EXPECT_EQ(signed_, 0);
  Fill(*log, 1);
  signer.UntilCalled(1);
  log->Stop();
  EXPECT_TRUE(Verify(*log).ok());
  EXPECT_EQ(log->Counters().last_checkpoint_size, 10U);
}

TEST_F(AuditTest, SignsAfterSoMuchTime) {
  const auto log = Open({.checkpoint_records = 1'000'000, .checkpoint_interval = milliseconds(1)});
  CountingSigner signer(Signer());
  log->StartCheckpoints(signer.Signer());
  Fill(*log, 1);
  signer.UntilCalled(1);
  Fill(*log, 1);
  signer.UntilCalled(2);
}

TEST_F(AuditTest, SignsWhatIsOpenWhenItStarts) {
  { Fill(*Open(), 3); }
  const auto log = Open({.checkpoint_records = 3, .checkpoint_interval = hours(1)});
  CountingSigner signer(Signer());
  log->StartCheckpoints(signer.Signer());
  signer.UntilCalled(1);
}

TEST_F(AuditTest, SignsALastTimeWhenItStops) {
  const auto log = Open({.checkpoint_interval = hours(1)});
  log->StartCheckpoints(Signer());
  Fill(*log, 7);
  log->Stop();
  EXPECT_EQ(log->ListCheckpoints(0, 0)->checkpoints.at(0).tree_size(), 7U);
  EXPECT_EQ(Verify(*log).covered, 7U);
}

TEST_F(AuditTest, GoesOnWithoutTheSigner) {
  const auto log = Open({.checkpoint_records = 2, .checkpoint_interval = milliseconds(1)});
  std::atomic<bool> works = false;
  CountingSigner signer([&](std::string_view text) -> Result<CheckpointSignature> {
    if (!works) return Error(Code::kUnavailable, "the HSM is away");
    return CheckpointSignature{"", 1, key_.Sign(text)};
  });
  log->StartCheckpoints(signer.Signer());
  Fill(*log, 4);
  signer.UntilCalled(3);
  const Status status = log->MakeCheckpoint();
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_GE(log->Counters().failed_checkpoints, 3U);
  EXPECT_EQ(log->Counters().checkpoints, 0U);
  works = true;
  EXPECT_TRUE(log->MakeCheckpoint().ok());
  log->Stop();
  EXPECT_EQ(Verify(*log).covered, 4U);
}

TEST_F(AuditTest, ListsCheckpointsInPages) {
  const auto log = Open({.checkpoint_interval = hours(1)});
  log->StartCheckpoints(Signer());
  for (int i = 0; i < 5; ++i) {
    Fill(*log, 10);
    ASSERT_TRUE(log->MakeCheckpoint().ok());
  }
  const auto page = log->ListCheckpoints(11, 2);
  ASSERT_EQ(page->checkpoints.size(), 2U);
  EXPECT_EQ(page->checkpoints[0].tree_size(), 20U);
  EXPECT_EQ(page->checkpoints[1].tree_size(), 30U);
  EXPECT_TRUE(page->more);
  EXPECT_FALSE(log->ListCheckpoints(31, 2)->more);
  EXPECT_EQ(log->ListCheckpoints(~std::uint64_t{0}, 2)->checkpoints.size(), 0U);
}

TEST_F(AuditTest, VerifiesOverManyCheckpointsAndReopenings) {
  for (int round = 0; round < 4; ++round) {
    const auto log = Open({.checkpoint_records = 100, .checkpoint_interval = hours(1)});
    log->StartCheckpoints(Signer());
    Fill(*log, 333);
  }
  const auto log = Open();
  const Report report = Verify(*log);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.records, 4U * 333);
  EXPECT_EQ(report.covered, 4U * 333);
  EXPECT_EQ(report.verified_checkpoints, report.checkpoints);
}

}  // namespace
}  // namespace twinseal::audit
