#include "firmware/service/pair/newest_files.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "firmware/service/pair/pair_paths.h"
#include "tests/support/results.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/firmware/service/memory_ledger.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;

class NewestFilesTest : public ::testing::Test {
 protected:
  NewestFilesTest() { Become("first", v1::PairState::PAIRED); }

  std::filesystem::path State() const { return folder_.path() / "pair" / "state"; }
  std::filesystem::path Copy() const { return folder_.path() / "copy"; }
  // Of an appliance that came into the pair by this ceremony.
  void Become(const std::string& pairing_id, v1::PairState::Phase phase) {
    v1::PairingTranscript transcript;
    transcript.set_pairing_id(pairing_id);
    ASSERT_THAT((*PairFile::Open(folder_.path()))->Change([&](v1::PairState& state) {
      state.Clear();
      state.set_site("b");
      state.set_phase(phase);
      state.mutable_answer()->set_body(transcript.SerializeAsString());
    }),
                Succeeds());
  }
  void SetAside() {
    std::filesystem::copy_file(State(), Copy(), std::filesystem::copy_options::overwrite_existing);
  }
  void PutBack() {
    std::filesystem::copy_file(Copy(), State(), std::filesystem::copy_options::overwrite_existing);
  }
  // At a start of the site.
  Status Prove() { return ProveNewestFiles(**PairFile::Open(folder_.path()), ledger_, "b"); }
  void FailCommits(bool commit_all_the_same) {
    ledger_.fault = [=](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
      return MemoryLedger::Fault{Error(Code::kUnavailable, "no answer"), commit_all_the_same};
    };
  }

  const test::TempFolder folder_;
  MemoryLedger ledger_;
};

TEST_F(NewestFilesTest, AreThoseOfTheLastStart) {
  for (int start = 0; start < 3; ++start) EXPECT_THAT(Prove(), Succeeds());
}

TEST_F(NewestFilesTest, ACopyFromBeforeTheLastStartIsOlder) {
  ASSERT_THAT(Prove(), Succeeds());
  SetAside();
  ASSERT_THAT(Prove(), Succeeds());
  PutBack();
  EXPECT_THAT(Prove(), FailsWith(Code::kDataLoss, "an older copy"));
  // It stays so.
  EXPECT_THAT(Prove(), FailsWith(Code::kDataLoss, "an older copy"));
}

TEST_F(NewestFilesTest, SoIsOneFromBeforeTheFirstStart) {
  SetAside();
  ASSERT_THAT(Prove(), Succeeds());
  PutBack();
  EXPECT_THAT(Prove(), FailsWith(Code::kDataLoss, "twinseal pair replace"));
}

TEST_F(NewestFilesTest, ASiteThatEndedBeforeTheLedgerHadItsMarkIsNotLockedOut) {
  ASSERT_THAT(Prove(), Succeeds());
  FailCommits(false);
  EXPECT_THAT(Prove(), FailsWith(Code::kUnavailable, "no answer"));
  EXPECT_THAT(Prove(), FailsWith(Code::kUnavailable, "no answer"));
  ledger_.fault = nullptr;
  EXPECT_THAT(Prove(), Succeeds());
}

TEST_F(NewestFilesTest, NorOneThatEndedRightAfterwards) {
  for (int start = 0; start < 2; ++start) {
    FailCommits(true);
    EXPECT_THAT(Prove(), FailsWith(Code::kUnavailable, "no answer"));
    ledger_.fault = nullptr;
    EXPECT_THAT(Prove(), Succeeds());
  }
}

TEST_F(NewestFilesTest, AFullLedgerSaysItOfTheNewestAlone) {
  ASSERT_THAT(Prove(), Succeeds());
  SetAside();
  ASSERT_THAT(Prove(), Succeeds());
  ledger_.fault = [](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    return MemoryLedger::Fault{Error(Code::kResourceExhausted, "full"), false};
  };
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Prove(), FailsWith(Code::kResourceExhausted, "full"));
  }
  PutBack();
  EXPECT_THAT(Prove(), FailsWith(Code::kDataLoss, "an older copy"));
}

// It was asked for, nobody knows what became of it, and it is recorded after all.
TEST_F(NewestFilesTest, NorOneWhoseMarkIsRecordedLate) {
  ASSERT_THAT(Prove(), Succeeds());
  std::optional<ledger::Transaction> late;
  ledger_.fault = [&](const ledger::Transaction& asked) -> std::optional<MemoryLedger::Fault> {
    late = asked;
    return MemoryLedger::Fault{Error(Code::kUnavailable, "no answer"), false};
  };
  EXPECT_FALSE(Prove().ok());
  ledger_.fault = nullptr;
  ledger_.before_commit = [&] {
    ledger_.before_commit = nullptr;
    EXPECT_TRUE(ledger_.Commit(*late)->committed);
  };
  EXPECT_THAT(Prove(), FailsWith(Code::kUnavailable, "tried again"));
  EXPECT_THAT(Prove(), Succeeds());
}

TEST_F(NewestFilesTest, AnotherApplianceTakesALostOnesPlace) {
  ASSERT_THAT(Prove(), Succeeds());
  Become("second", v1::PairState::ACCEPTED);
  SetAside();
  ASSERT_THAT(Prove(), Succeeds());
  ASSERT_THAT(Prove(), Succeeds());
  // Its own old copies are no newer than others'.
  PutBack();
  EXPECT_THAT(Prove(), FailsWith(Code::kDataLoss, "an older copy"));
  Become("first", v1::PairState::PAIRED);
  EXPECT_THAT(Prove(), FailsWith(Code::kDataLoss, "an older copy"));
}

}  // namespace
}  // namespace twinseal::service
