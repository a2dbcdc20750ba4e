// Crashes, full disks, other hands on the file.
#include <thread>

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tests/support/doomed_child.h"
#include "tests/unit/firmware/audit/audit_fixture.h"

namespace twinseal::audit {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;

TEST_F(AuditTest, LosesNothingAcknowledgedWhenItIsKilled) {
  constexpr std::uint64_t kThreads = 4;
  std::uint64_t sizes = 0;
  for (int round = 0; round < 5; ++round) {
    const auto told =
        test::RunAndKill(100 + 41 * static_cast<std::size_t>(round), [&](const auto& tell) {
          const auto log = Open({.checkpoint_records = 20});
          log->StartCheckpoints(Signer());
          std::vector<std::thread> threads;
          for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
            threads.emplace_back([&, thread] {
              // More than any round waits for.
              for (std::uint64_t step = thread; step < 1'000'000; step += kThreads) {
                if (!log->AppendAndWait(Record(std::to_string(round) + "/" + std::to_string(step)))
                         .ok())
                  _exit(3);
                tell(step);
              }
            });
          }
          for (std::thread& thread : threads) thread.join();
        });
    const auto log = Open();
    std::set<std::string> there;
    for (const v1::StoredAuditRecord& record : All(*log)) there.insert(Parse(record).detail());
    for (const std::uint64_t step : told) {
      EXPECT_TRUE(there.contains(std::to_string(round) + "/" + std::to_string(step))) << step;
    }
    const Report report = Verify(*log);
    EXPECT_TRUE(report.ok());
    EXPECT_GE(report.records, sizes + told.size());
    sizes = report.records;
  }
}

TEST_F(AuditTest, RefusesTheOperationWhenTheDiskIsFullAndGoesOnWithMoreRoom) {
  std::uint64_t durable = 0;
  {
    const auto log = Open({.retry_refused = hours(1), .max_pages = 40});
    Status status = Ok();
    while (status.ok()) {
      status = log->AppendAndWait(Record(std::string(1000, 'x')));
      if (status.ok()) ++durable;
    }
    EXPECT_EQ(status.error().code(), Code::kResourceExhausted);
    EXPECT_GT(durable, 20U);
    // Again refused, again nothing written, and what is there can be read.
    EXPECT_FALSE(log->AppendAndWait(Record(std::string(5000, 'x'))).ok());
    EXPECT_EQ(log->Counters().failed, 2U);
    EXPECT_EQ(log->Counters().tree_size, durable);
    EXPECT_EQ(All(*log).size(), durable);
  }
  const auto log = Open();
  Fill(*log, 10);
  const Report report = Verify(*log);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.records, durable + 10);
}

// Nobody else may try: who is told that the appliance is not ready goes elsewhere.
TEST_F(AuditTest, FindsOutByItselfThatTheDiskWorksAgain) {
  const auto log = Open({.retry_refused = std::chrono::milliseconds(5)});
  Fill(*log, 3);
  EXPECT_TRUE(log->Writable().ok());
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{1, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const Status during = log->AppendAndWait(Record("refused"));
  const Status writable = log->Writable();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(during.ok());
  EXPECT_FALSE(writable.ok());
  while (!log->Writable().ok()) std::this_thread::yield();
  const std::vector<v1::StoredAuditRecord> records = All(*log);
  ASSERT_EQ(records.size(), 4U);
  const v1::AuditRecord own = Parse(records.back());
  EXPECT_EQ(own.operation(), "appliance/ResumeAudit");
  EXPECT_THAT(own.detail(), HasSubstr("1 operations"));
}

// A disk that fails writes for a while: the file size limit stands in for it.
TEST_F(AuditTest, GoesOnWhenTheDiskWorksAgain) {
  const auto log = Open({.retry_refused = hours(1)});
  Fill(*log, 3);
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{64 * 1024, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &tight), 0);
  const Status during = log->AppendAndWait(Record(std::string(150 * 1024, 'x')));
  const Status writable = log->Writable();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(during.ok());
  EXPECT_FALSE(writable.ok());
  Fill(*log, 3);
  EXPECT_TRUE(log->Writable().ok());
  const Report report = Verify(*log);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.records, 6U);
}

TEST_F(AuditTest, IsAppendOnlyForItself) {
  { Fill(*Open(), 3); }
  EXPECT_THROW(Execute("DELETE FROM records WHERE sequence = 1"), std::runtime_error);
  EXPECT_THROW(Execute("UPDATE records SET record = x'00' WHERE sequence = 1"), std::runtime_error);
}

class TamperedLog : public AuditTest {
 protected:
  TamperedLog() {
    const auto log = Open({.checkpoint_interval = hours(1)});
    log->StartCheckpoints(Signer());
    Fill(*log, 20);
    if (!log->MakeCheckpoint().ok()) throw std::runtime_error("no checkpoint");
    Fill(*log, 10);
    if (!log->MakeCheckpoint().ok()) throw std::runtime_error("no checkpoint");
  }

  // Why the log is not opened.
  std::string Refusal() {
    const auto opened = AuditLog::Open(path(), Site(), {});
    if (opened.ok()) return "";
    EXPECT_EQ(opened.error().code(), Code::kDataLoss);
    return opened.error().message();
  }

  std::vector<std::pair<Tampering, std::uint64_t>> Found() {
    const auto log = Open();
    std::vector<std::pair<Tampering, std::uint64_t>> found;
    for (const Finding& finding : Verify(*log).findings)
      found.emplace_back(finding.kind, finding.first);
    return found;
  }
};

using ::testing::ElementsAre;
using ::testing::Pair;

// Opening looks at the end of the log only; verifying looks at all of it.
TEST_F(TamperedLog, IsNotOpenedWhenItsEndWasChanged) {
  EXPECT_EQ(Refusal(), "");
  Tamper("UPDATE records SET record = CAST(record || x'00' AS BLOB) WHERE sequence = 25");
  EXPECT_THAT(Refusal(), HasSubstr("record 25"));
}

TEST_F(TamperedLog, IsNotOpenedWhenItsEndIsGone) {
  Tamper("DELETE FROM records WHERE sequence > 27");
  EXPECT_THAT(Refusal(), HasSubstr("ends after 28 records"));
}

TEST_F(TamperedLog, IsNotOpenedWhenARecordNearItsEndIsGone) {
  Tamper("DELETE FROM records WHERE sequence = 22");
  EXPECT_THAT(Refusal(), HasSubstr("record 22 is not there"));
}

TEST_F(TamperedLog, IsNotOpenedWhenItsEndWasRewritten) {
  const auto page = Open()->List(23, 1);
  v1::AuditRecord record = Parse(page->records.at(0));
  record.set_outcome("permission_denied");
  const std::string bytes = record.SerializeAsString();
  Tamper("UPDATE records SET record = x'" + HexEncode(AsBytes(bytes)) + "', leaf_hash = x'" +
         HexEncode(merkle::HashLeaf(AsBytes(bytes))) + "' WHERE sequence = 23");
  EXPECT_THAT(Refusal(), HasSubstr("checkpoint of 30 records"));
}

TEST_F(TamperedLog, IsVerifiedWhenAnOldRecordWasChanged) {
  Tamper("UPDATE records SET record = CAST(record || x'00' AS BLOB) WHERE sequence = 5");
  EXPECT_THAT(Found(), ElementsAre(Pair(Tampering::kChanged, 5U)));
}

TEST_F(TamperedLog, IsVerifiedWhenAnOldRecordIsGone) {
  Tamper("DELETE FROM records WHERE sequence = 5");
  EXPECT_THAT(Found(), ElementsAre(Pair(Tampering::kRemoved, 5U)));
}

TEST_F(TamperedLog, IsVerifiedWhenOldRecordsChangedPlaces) {
  Tamper(
      "UPDATE records SET sequence = -1 WHERE sequence = 5; UPDATE records SET sequence = 5 WHERE "
      "sequence = 7;"
      "UPDATE records SET sequence = 7 WHERE sequence = -1;");
  EXPECT_THAT(Found(),
              ElementsAre(Pair(Tampering::kReordered, 7U), Pair(Tampering::kReordered, 5U)));
}

TEST_F(TamperedLog, IsVerifiedWhenAnOldCheckpointWasForged) {
  v1::AuditCheckpoint checkpoint = Open()->ListCheckpoints(0, 1)->checkpoints.at(0);
  checkpoint.set_time_unix_us(1);
  Tamper("UPDATE checkpoints SET checkpoint = x'" +
         HexEncode(AsBytes(checkpoint.SerializeAsString())) + "' WHERE tree_size = 20");
  EXPECT_THAT(Found(), ElementsAre(Pair(Tampering::kForged, 20U)));
}

TEST_F(AuditTest, RefusesAnotherSitesLog) {
  { Fill(*Open(), 1); }
  const auto opened = AuditLog::Open(path(), SiteName::Parse("b").value(), {});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kFailedPrecondition);
}

TEST_F(AuditTest, RefusesAFileThatIsOpenToOthers) {
  { Fill(*Open(), 1); }
  ASSERT_EQ(chmod(path().c_str(), 0644), 0);
  const auto opened = AuditLog::Open(path(), Site(), {});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(opened.error().message(), HasSubstr(path().string()));
}

TEST_F(AuditTest, RefusesADamagedFileByName) {
  { Fill(*Open(), 200); }
  ASSERT_EQ(truncate(path().c_str(), 5000), 0);
  const auto opened = AuditLog::Open(path(), Site(), {});
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kDataLoss);
}

}  // namespace
}  // namespace twinseal::audit
