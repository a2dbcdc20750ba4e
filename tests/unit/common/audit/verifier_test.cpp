// Logs that were tampered with in every way the verifier knows, and that it names the right record.
#include "common/audit/verifier.h"

#include <algorithm>
#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/common/audit/test_key.h"

namespace twinseal::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using What = std::tuple<Tampering, std::uint64_t, std::uint64_t>;

v1::StoredAuditRecord Record(std::uint64_t sequence, const std::string& detail = "") {
  v1::AuditRecord content;
  content.set_sequence(sequence);
  content.set_site("a");
  content.set_operation("SigningService/Sign");
  content.set_outcome("ok");
  content.set_detail(detail);
  v1::StoredAuditRecord record;
  record.set_sequence(sequence);
  record.set_record(content.SerializeAsString());
  record.set_leaf_hash(ToString(merkle::HashLeaf(AsBytes(record.record()))));
  return record;
}

// A log of `size` records with a checkpoint at each of `sizes`.
class Log {
 public:
  Log(std::uint64_t size, const std::vector<std::uint64_t>& sizes) {
    merkle::Frontier tree;
    for (std::uint64_t i = 0; i < size; ++i) {
      records.push_back(Record(i));
      tree.Append(merkle::HashFromBytes(AsBytes(records.back().leaf_hash())).value());
      if (std::ranges::find(sizes, tree.size()) != sizes.end()) {
        checkpoints.push_back(key.Checkpoint({"a", tree.size(), tree.Root(), 1}));
      }
    }
    root = tree.Root();
  }

  Report Verify() const {
    LogVerifier verifier(Site(), checkpoints, CheckWithPublicKey(key.Pem()).value());
    for (const v1::StoredAuditRecord& record : records) verifier.Add(record);
    return verifier.Finish();
  }

  std::vector<What> Findings() const {
    std::vector<What> found;
    for (const Finding& finding : Verify().findings)
      found.emplace_back(finding.kind, finding.first, finding.last);
    return found;
  }

  void Remove(std::size_t index) {
    records.erase(records.begin() + static_cast<std::ptrdiff_t>(index));
  }

  TestKey key;
  std::vector<v1::StoredAuditRecord> records;
  std::vector<v1::AuditCheckpoint> checkpoints;
  merkle::Hash root{};
};

TEST(LogVerifier, FindsNothingInAGoodLog) {
  const Log log(25, {1, 10, 20, 25});
  const Report report = log.Verify();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.records, 25U);
  EXPECT_EQ(report.checkpoints, 4U);
  EXPECT_EQ(report.verified_checkpoints, 4U);
  EXPECT_EQ(report.covered, 25U);
  EXPECT_EQ(report.root, log.root);
}

TEST(LogVerifier, SaysHowFarCheckpointsReach) {
  const Report report = Log(25, {10, 20}).Verify();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.covered, 20U);
}

TEST(LogVerifier, TakesAnEmptyLog) {
  EXPECT_TRUE(Log(0, {}).Verify().ok());
  const TestKey key;
  LogVerifier verifier(Site(), {key.Checkpoint({"a", 0, merkle::EmptyRoot(), 1})},
                       CheckWithPublicKey(key.Pem()).value());
  const Report report = verifier.Finish();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.verified_checkpoints, 1U);
}

TEST(LogVerifier, FindsEveryChangedRecord) {
  for (std::uint64_t victim = 0; victim < 25; ++victim) {
    Log log(25, {10, 20});
    log.records[victim].set_record(Record(victim, "nothing happened").record());
    EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kChanged, victim, victim)));
    // The checkpoints still hold: the hash of what was there before is still known.
    EXPECT_EQ(log.Verify().verified_checkpoints, 2U);
  }
}

TEST(LogVerifier, FindsARecordWhoseHashWasChanged) {
  Log log(25, {10, 20});
  (*log.records[7].mutable_leaf_hash())[0] ^= 1;
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kChanged, 7, 7)));
  EXPECT_EQ(log.Verify().verified_checkpoints, 2U);
  log.records[7].clear_leaf_hash();
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kChanged, 7, 7)));
}

TEST(LogVerifier, FindsARecordThatWasRewrittenWithItsHash) {
  Log log(25, {10, 20});
  log.records[13] = Record(13, "nothing happened");
  // Only the checkpoints tell, so the answer is as fine as they are close.
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kRewritten, 10, 19)));
  EXPECT_EQ(log.Verify().covered, 10U);
}

TEST(LogVerifier, FindsEveryRemovedRecord) {
  for (std::uint64_t victim = 0; victim < 24; ++victim) {
    Log log(25, {10, 20});
    log.Remove(victim);
    EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kRemoved, victim, victim)));
  }
}

TEST(LogVerifier, FindsARunOfRemovedRecords) {
  Log log(25, {10, 20});
  for (int i = 0; i < 4; ++i) log.Remove(5);
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kRemoved, 5, 8)));
}

TEST(LogVerifier, FindsARemovedRecordWhenTheOthersMovedUp) {
  Log log(25, {10, 20});
  log.Remove(6);
  for (std::uint64_t i = 6; i < 24; ++i) log.records[i].set_sequence(i);
  EXPECT_THAT(log.Findings(),
              ElementsAre(What(Tampering::kReordered, 7, 7), What(Tampering::kRemoved, 6, 6)));
}

TEST(LogVerifier, FindsRecordsThatChangedPlaces) {
  Log log(25, {10, 20});
  std::swap(log.records[5], log.records[7]);
  log.records[5].set_sequence(5);
  log.records[7].set_sequence(7);
  EXPECT_THAT(log.Findings(),
              ElementsAre(What(Tampering::kReordered, 7, 7), What(Tampering::kReordered, 5, 5)));
  // Put back in order they are what was signed.
  EXPECT_EQ(log.Verify().verified_checkpoints, 2U);
}

TEST(LogVerifier, FindsRecordsThatAreToldOutOfOrder) {
  Log log(25, {10, 20});
  std::swap(log.records[5], log.records[6]);
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kReordered, 5, 5)));
}

TEST(LogVerifier, FindsARecordThatIsThereTwice) {
  Log log(25, {10, 20});
  log.records[8].set_record(log.records[3].record());
  log.records[8].set_leaf_hash(log.records[3].leaf_hash());
  EXPECT_THAT(log.Findings(),
              ElementsAre(What(Tampering::kReordered, 3, 3), What(Tampering::kRemoved, 8, 8)));
}

TEST(LogVerifier, FindsThatTheEndIsCutOff) {
  Log log(25, {10, 20, 25});
  log.records.resize(22);
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kTruncated, 22, 24)));
  log.records.clear();
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kTruncated, 0, 24)));
}

TEST(LogVerifier, FindsForgedCheckpoints) {
  Log log(25, {10, 20});
  log.checkpoints[1] = TestKey().Checkpoint({"a", 20, log.root, 1});
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kForged, 20, 20)));
  EXPECT_EQ(log.Verify().covered, 10U);
}

TEST(LogVerifier, FindsASecondStoryUnderTheSameKey) {
  // Someone who can use the key signs another history: the checkpoint is genuine, the records do
  // not fit it.
  Log log(25, {10, 20});
  log.checkpoints.push_back(log.key.Checkpoint({"a", 15, merkle::EmptyRoot(), 1}));
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kRewritten, 10, 14)));
}

TEST(LogVerifier, TellsSeveralThingsAtOnce) {
  Log log(60, {20, 40, 60});
  log.records[3].set_record(Record(3, "x").record());
  log.records[41].set_record(Record(41, "x").record());
  log.Remove(50);
  EXPECT_THAT(log.Findings(),
              ElementsAre(What(Tampering::kChanged, 3, 3), What(Tampering::kChanged, 41, 41),
                          What(Tampering::kRemoved, 50, 50)));
}

TEST(LogVerifier, IsNotConfusedByOddRecords) {
  Log log(5, {5});
  v1::StoredAuditRecord garbage;
  garbage.set_sequence(5);
  garbage.set_record("\xff\xff\xff");
  garbage.set_leaf_hash(ToString(merkle::HashLeaf(AsBytes(garbage.record()))));
  log.records.push_back(garbage);
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kChanged, 5, 5)));

  constexpr std::uint64_t kLast = ~std::uint64_t{0};
  log.records[5] = Record(kLast);
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kChanged, kLast, kLast)));
  log.records[5] = Record(kLast);
  log.records[5].set_sequence(5);
  EXPECT_THAT(log.Findings(), ElementsAre(What(Tampering::kChanged, 5, 5)));
}

TEST(LogVerifier, StaysSmallWhenEverythingIsWrong) {
  Log log(3000, {3000});
  for (v1::StoredAuditRecord& record : log.records) record.set_leaf_hash("x");
  const Report report = log.Verify();
  EXPECT_EQ(report.findings.size(), LogVerifier::kMaxFindings);
  EXPECT_EQ(report.more_findings, 2000U);
  // All of the hashes are gone, but the records are what was signed.
  EXPECT_EQ(report.verified_checkpoints, 1U);
}

}  // namespace
}  // namespace twinseal::audit
