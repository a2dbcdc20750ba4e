#include "firmware/core/vault/vault.h"

#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/doomed_child.h"
#include "tests/support/results.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/firmware/core/vault/blobs.h"

namespace twinseal::core {
namespace {

using test::FailsWith;
using test::Succeeds;
using Outcome = Vault::Outcome;

class VaultTest : public testing::Test {
 protected:
  void Open(const Vault::Options& options = {}) {
    auto opened = Vault::Open(folder(), options);
    ASSERT_THAT(opened, Succeeds());
    vault_ = std::move(*opened);
    ASSERT_THAT(vault_->Unseal(MarksKey()), Succeeds());
  }
  static Secret MarksKey() { return Secret(Bytes(MarksSeal::kKeySize, 0x6d)); }
  // What somebody does who has the file.
  void Tamper(const std::string& sql) {
    vault_.reset();
    SQLite::Database(file(), SQLite::OPEN_READWRITE).exec(sql);
  }
  void Reopen() {
    vault_.reset();
    Open();
  }
  std::filesystem::path folder() const { return temp_ / "vault"; }
  std::filesystem::path file() const { return folder() / "vault.db"; }

  Outcome Install(const Blob& blob) {
    const auto outcome = vault_->StoreInstalled(blob, EncodeBlob(blob));
    EXPECT_THAT(outcome, Succeeds());
    return outcome.ok() ? *outcome : Outcome::kChanged;
  }
  Outcome Activate(const Blob& blob) {
    const auto outcome = vault_->StoreActivated(blob, EncodeBlob(blob));
    EXPECT_THAT(outcome, Succeeds());
    return outcome.ok() ? *outcome : Outcome::kChanged;
  }
  void ExpectStored(const Blob& blob) {
    const auto record = vault_->Read(blob.header.id, blob.header.version);
    ASSERT_THAT(record, Succeeds());
    ASSERT_TRUE(record->has_value());
    EXPECT_EQ((*record)->blob, EncodeBlob(blob));
    EXPECT_EQ((*record)->marks.version, blob.header.version);
    EXPECT_EQ((*record)->marks.revision, blob.header.revision);
    EXPECT_EQ((*record)->marks.generation, blob.generation);
  }

  test::TempFolder temp_;
  std::unique_ptr<Vault> vault_;
};

TEST_F(VaultTest, KeepsWhatWasStoredOverARestart) {
  Open();
  Blob blob = VaultBlob();
  EXPECT_EQ(Install(blob), Outcome::kStored);
  ExpectStored(blob);
  blob.generation = Generation{2};
  EXPECT_EQ(Activate(blob), Outcome::kStored);
  ExpectStored(blob);
  EXPECT_EQ(vault_->size(), 1U);
  EXPECT_EQ(vault_->GenerationSum(), 2U);
  Reopen();
  ExpectStored(blob);
  EXPECT_EQ(vault_->size(), 1U);
  EXPECT_EQ(vault_->GenerationSum(), 2U);
}

TEST_F(VaultTest, KnowsNothingOfAKeyItNeverSaw) {
  Open();
  const KeyId id = KeyId::Random();
  const auto record = vault_->Read(id, KeyVersion{1});
  ASSERT_THAT(record, Succeeds());
  EXPECT_FALSE(record->has_value());
  EXPECT_FALSE(vault_->FindMarks(id).has_value());
  (void)vault_->AllotGeneration(id);
  EXPECT_FALSE(vault_->FindMarks(id).has_value());
  EXPECT_EQ(Activate(VaultBlob(id)), Outcome::kChanged);
}

TEST_F(VaultTest, GenerationsOnlyRise) {
  Open();
  const KeyId id = KeyId::Random();
  const Generation first = vault_->AllotGeneration(id);
  const Generation second = vault_->AllotGeneration(id);
  EXPECT_LT(first, second);
  EXPECT_EQ(Install(VaultBlob(id, Number(second))), Outcome::kStored);
  EXPECT_EQ(Activate(VaultBlob(id, Number(first))), Outcome::kOvertaken);
  EXPECT_EQ(Install(VaultBlob(id, Number(second))), Outcome::kOvertaken);
  ExpectStored(VaultBlob(id, Number(second)));
  EXPECT_LT(second, vault_->AllotGeneration(id));
  Reopen();
  EXPECT_LT(second, vault_->AllotGeneration(id));
}

TEST_F(VaultTest, AnActivationDoesNotUndoAChange) {
  Open();
  const KeyId id = KeyId::Random();
  const Blob before = VaultBlob(id, 1);
  Install(before);
  Blob changed = VaultBlob(id, 2);
  changed.header.revision = KeyRevision{8};
  EXPECT_EQ(Install(changed), Outcome::kStored);
  Blob activated = before;
  activated.generation = Generation{3};
  EXPECT_EQ(Activate(activated), Outcome::kChanged);
  ExpectStored(changed);
  EXPECT_EQ(Install(VaultBlob(id, 4)), Outcome::kChanged);
  ExpectStored(changed);
}

TEST_F(VaultTest, ADiscardedRecordIsGoneAndItsMarksStay) {
  Open();
  const Blob blob = VaultBlob(KeyId::Random(), 5);
  Install(blob);
  ASSERT_THAT(vault_->Discard(blob), Succeeds());
  ASSERT_THAT(vault_->Discard(blob), Succeeds());
  Reopen();
  EXPECT_FALSE((*vault_->Read(blob.header.id, blob.header.version)).has_value());
  EXPECT_EQ(vault_->FindMarks(blob.header.id)->generation, Generation{5});
  EXPECT_EQ(vault_->size(), 0U);
  Blob activated = blob;
  activated.generation = Generation{6};
  EXPECT_EQ(Activate(activated), Outcome::kChanged);
  EXPECT_EQ(Install(activated), Outcome::kStored);
  ASSERT_THAT(vault_->Discard(blob), Succeeds());
  ExpectStored(activated);
}

TEST_F(VaultTest, ANewVersionTakesThePlaceOfTheOld) {
  Open();
  const KeyId id = KeyId::Random();
  const Blob old = VaultBlob(id, 1);
  Install(old);
  Blob rotated = VaultBlob(id, 2);
  rotated.header.version = KeyVersion{4};
  rotated.header.revision = KeyRevision{8};
  rotated.wrapped_key.push_back(1);  // Of another size.
  EXPECT_EQ(Install(rotated), Outcome::kStored);
  ExpectStored(rotated);
  const auto record = vault_->Read(id, old.header.version);
  ASSERT_THAT(record, Succeeds());
  EXPECT_FALSE(record->has_value());
  EXPECT_EQ(vault_->size(), 1U);
  EXPECT_EQ(Install(old), Outcome::kChanged);
  Reopen();
  ExpectStored(rotated);
}

TEST_F(VaultTest, TokenReferencesCountTheirGenerationsInTheMarks) {
  Open();
  const Blob reference = TokenReferenceOf(VaultBlob());
  EXPECT_EQ(Install(reference), Outcome::kStored);
  EXPECT_EQ(Install(reference), Outcome::kStored);
  EXPECT_EQ(vault_->FindMarks(reference.header.id)->generation, Generation{2});
}

TEST_F(VaultTest, ADestroyedKeyStaysDestroyed) {
  Open();
  const Blob blob = VaultBlob();
  Install(blob);
  ASSERT_THAT(vault_->Erase(blob.header.id), Succeeds());
  ASSERT_THAT(vault_->Erase(blob.header.id), Succeeds());
  for (int start = 0; start < 2; ++start) {
    EXPECT_TRUE(vault_->FindMarks(blob.header.id)->destroyed);
    Blob again = VaultBlob(blob.header.id, 50);
    again.header.version = KeyVersion{9};
    again.header.revision = KeyRevision{90};
    EXPECT_EQ(Install(again), Outcome::kChanged);
    EXPECT_EQ(Activate(again), Outcome::kChanged);
    EXPECT_EQ(vault_->size(), 0U);
    Reopen();
  }
  const KeyId unseen = KeyId::Random();
  ASSERT_THAT(vault_->Erase(unseen), Succeeds());
  EXPECT_TRUE(vault_->FindMarks(unseen)->destroyed);
}

TEST_F(VaultTest, DamageIsListedUntilTheKeyIsStoredAnew) {
  Open();
  const Blob blob = VaultBlob();
  vault_->ReportDamaged(blob.header.id, blob.header.version, "its binding does not hold");
  EXPECT_THAT(vault_->Damaged(),
              testing::ElementsAre(blob.header.id.Hex() + " version 3: its binding does not hold"));
  Install(blob);
  EXPECT_THAT(vault_->Damaged(), testing::IsEmpty());
}

TEST_F(VaultTest, ARowTakenOutOfTheFileIsMadeAgain) {
  Open();
  const Blob blob = VaultBlob();
  Install(blob);
  vault_.reset();
  SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec("DELETE FROM slots");
  Open();
  Blob again = blob;
  again.generation = Generation{2};
  EXPECT_EQ(Install(again), Outcome::kStored);
  ExpectStored(again);
}

TEST_F(VaultTest, AFullDiskIsNamedAndNothingIsLost) {
  Open({.check_integrity = true, .max_pages = 40});
  std::vector<Blob> stored;
  while (true) {
    Blob blob = VaultBlob();
    const auto outcome = vault_->StoreInstalled(blob, EncodeBlob(blob));
    if (!outcome.ok()) {
      EXPECT_THAT(outcome, FailsWith(Code::kResourceExhausted, file().string()));
      break;
    }
    stored.push_back(blob);
    ASSERT_LT(stored.size(), 1000U);
  }
  EXPECT_EQ(vault_->size(), stored.size());
  for (const Blob& blob : stored) ExpectStored(blob);
  // What fits into the place that it has can still be written.
  stored.front().generation = Generation{2};
  EXPECT_EQ(Activate(stored.front()), Outcome::kStored);
  Reopen();
  for (const Blob& blob : stored) ExpectStored(blob);
}

TEST_F(VaultTest, AVaultIsForOneProcess) {
  Open();
  EXPECT_THAT(Vault::Open(folder()), FailsWith(Code::kFailedPrecondition, "another twinseal-core"));
}

TEST_F(VaultTest, AFolderThatIsOpenToOthersIsRefusedByName) {
  std::filesystem::create_directory(folder());
  ASSERT_EQ(chmod(folder().c_str(), 0750), 0);
  EXPECT_THAT(Vault::Open(folder()), FailsWith(Code::kPermissionDenied, folder().string()));
}

TEST_F(VaultTest, AFileThatIsOpenToOthersIsRefusedByName) {
  Open();
  vault_.reset();
  ASSERT_EQ(chmod(file().c_str(), 0640), 0);
  EXPECT_THAT(Vault::Open(folder()), FailsWith(Code::kPermissionDenied, file().string()));
}

TEST_F(VaultTest, SomebodyElsesFileIsRefusedByName) {
  Open();
  vault_.reset();
  if (chown(file().c_str(), 65534, static_cast<gid_t>(-1)) != 0) {
    // Only root may give a file away; anybody else has files that are not theirs to try with.
    ASSERT_EQ(geteuid() == 0, false);
    std::filesystem::remove(file());
    std::filesystem::create_symlink("/etc/passwd", file());
  }
  EXPECT_THAT(Vault::Open(folder()), FailsWith(Code::kPermissionDenied, file().string()));
}

TEST_F(VaultTest, ATruncatedFileIsRefusedByName) {
  Open();
  for (int i = 0; i < 200; ++i) Install(VaultBlob());
  vault_.reset();
  const auto size = std::filesystem::file_size(file());
  for (const auto kept :
       {size - 4096, size / 2, std::uintmax_t{5000}, std::uintmax_t{100}, std::uintmax_t{1}}) {
    std::filesystem::resize_file(file(), kept);
    EXPECT_THAT(Vault::Open(folder()), FailsWith(Code::kDataLoss, file().string())) << kept;
  }
}

TEST_F(VaultTest, AnotherProgramsFileIsRefused) {
  std::filesystem::create_directory(folder());
  ASSERT_EQ(chmod(folder().c_str(), 0700), 0);
  std::ofstream(file()) << "These are no pages of a database, but a text of some length.";
  ASSERT_EQ(chmod(file().c_str(), 0600), 0);
  EXPECT_THAT(Vault::Open(folder()), FailsWith(Code::kDataLoss, file().string()));
}

TEST_F(VaultTest, MarksThatTheCoreDidNotSealAreRefused) {
  for (const char* const tampering :
       {"UPDATE marks SET generation = generation + 1", "UPDATE marks SET generation = 0",
        "UPDATE marks SET revision = revision - 1", "UPDATE marks SET version = version + 1",
        "UPDATE marks SET destroyed = 1", "UPDATE marks SET seal = zeroblob(16)",
        "INSERT INTO marks SELECT randomblob(16), 0, 0, 1000000, 1, seal, 0, 0 FROM marks",
        "UPDATE marks SET key_id = randomblob(16)"}) {
    Open();
    Install(VaultBlob());
    Tamper(tampering);
    const auto vault = Vault::Open(folder());
    ASSERT_THAT(vault, Succeeds()) << tampering;
    EXPECT_THAT((*vault)->Unseal(MarksKey()), FailsWith(Code::kDataLoss, file().string()))
        << tampering;
    std::filesystem::remove_all(folder());
  }
}

TEST_F(VaultTest, NothingIsStoredBeforeTheMarksAreUnsealed) {
  auto vault = Vault::Open(folder());
  ASSERT_THAT(vault, Succeeds());
  const Blob blob = VaultBlob();
  EXPECT_THAT((*vault)->StoreInstalled(blob, EncodeBlob(blob)),
              FailsWith(Code::kFailedPrecondition, "unsealed"));
  EXPECT_EQ((*vault)->size(), 0U);
}

TEST_F(VaultTest, ThreadsShareAVault) {
  Open();
  constexpr int kThreads = 4;
  constexpr int kRounds = 200;
  const KeyId shared = KeyId::Random();
  Install(VaultBlob(shared, Number(vault_->AllotGeneration(shared))));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      const KeyId own = KeyId::Random();
      for (int i = 0; i < kRounds; ++i) {
        Install(VaultBlob(own, Number(vault_->AllotGeneration(own))));
        EXPECT_NE(Activate(VaultBlob(shared, Number(vault_->AllotGeneration(shared)))),
                  Outcome::kChanged);
        EXPECT_THAT(vault_->Read(shared, KeyVersion{3}), Succeeds());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ExpectStored(VaultBlob(shared, 1 + kThreads * kRounds));
  EXPECT_EQ(vault_->size(), 1U + kThreads);
}

TEST_F(VaultTest, AKilledProcessLosesNothing) {
  const KeyId id = KeyId::Random();
  const auto told = test::RunAndKill(300, [&](const auto& tell) {
    auto vault = Vault::Open(folder());
    if (!vault.ok() || !(*vault)->Unseal(MarksKey()).ok()) return;
    Blob blob = VaultBlob(id, 1);
    if (!(*vault)->StoreInstalled(blob, EncodeBlob(blob)).ok()) return;
    for (std::uint64_t generation = 2;; ++generation) {
      blob.generation = Generation{generation};
      if (!(*vault)->StoreActivated(blob, EncodeBlob(blob)).ok()) return;
      tell(generation);
    }
  });
  Open();
  const auto marks = vault_->FindMarks(id);
  ASSERT_TRUE(marks.has_value());
  EXPECT_GE(Number(marks->generation), *told.rbegin());
  ExpectStored(VaultBlob(id, Number(marks->generation)));
}

}  // namespace
}  // namespace twinseal::core
