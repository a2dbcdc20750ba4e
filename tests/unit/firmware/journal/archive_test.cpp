#include "firmware/journal/archive.h"

#include <SQLiteCpp/Database.h>
#include <gmock/gmock.h>

#include "tests/support/results.h"
#include "tests/support/temp_folder.h"

namespace twinseal::journal {
namespace {

using test::FailsWith;
using test::Succeeds;

class ArchiveTest : public ::testing::Test {
 protected:
  ArchiveTest() { Reopen(); }
  void Reopen() {
    archive_.reset();
    archive_ = Archive::Open(folder_ / "archive.db").value();
  }
  static Entry At(std::uint64_t position, const std::string& name, const std::string& content) {
    return {name, ToBytes(content), Position{position}};
  }

  test::TempFolder folder_;
  std::unique_ptr<Archive> archive_;
};

TEST_F(ArchiveTest, KeepsWhatItTookOverAReopening) {
  ASSERT_THAT(archive_->Add({At(7, "b", "2"), At(3, "a", "1")}, Position{9}), Succeeds());
  Reopen();
  EXPECT_EQ(archive_->through(), Position{9});
  EXPECT_EQ(archive_->entries(), 2U);
  EXPECT_EQ(ToString(archive_->Find("a").value()->content), "1");
  EXPECT_EQ(archive_->Find("b").value()->position, Position{7});
  EXPECT_FALSE(archive_->Find("c").value().has_value());
  const ArchivePage page = archive_->Read(Position{}).value();
  ASSERT_EQ(page.entries.size(), 2U);
  EXPECT_EQ(page.entries[0].name, "a");
  EXPECT_EQ(page.through, Position{9});
  EXPECT_EQ(archive_->Read(page.through).value().through, page.through);
}

TEST_F(ArchiveTest, TakesTheSameAgainAndNothingElseInItsPlace) {
  ASSERT_THAT(archive_->Add({At(3, "a", "1")}, Position{3}), Succeeds());
  ASSERT_THAT(archive_->Add({At(3, "a", "1")}, Position{2}), Succeeds());
  ASSERT_THAT(archive_->Add({At(8, "a", "1")}), Succeeds());
  EXPECT_EQ(archive_->Find("a").value()->position, Position{3});
  EXPECT_EQ(archive_->through(), Position{3});
  for (const Entry& other : {At(3, "a", "2"), At(4, "a", "2"), At(3, "b", "1")}) {
    EXPECT_THAT(archive_->Add({At(9, "n", "new"), other}, Position{9}),
                FailsWith(Code::kDataLoss, "another entry"));
  }
  EXPECT_EQ(archive_->entries(), 1U);
  EXPECT_EQ(archive_->through(), Position{3});
  EXPECT_FALSE(archive_->Find("n").value().has_value());
}

// What lies beyond a gap is found, and is in no page until the gap is filled.
TEST_F(ArchiveTest, PagesEndWhereItHasEverything) {
  ASSERT_THAT(archive_->Add({At(3, "a", "1")}, Position{3}), Succeeds());
  ASSERT_THAT(archive_->Add({At(8, "c", "3")}), Succeeds());
  EXPECT_EQ(archive_->Read(Position{}).value().entries.size(), 1U);
  EXPECT_TRUE(archive_->Find("c").value().has_value());
  ASSERT_THAT(archive_->Add({At(5, "b", "2")}, Position{8}), Succeeds());
  EXPECT_EQ(archive_->Read(Position{}).value().entries.size(), 3U);
}

TEST_F(ArchiveTest, PagesHaveLimits) {
  std::vector<Entry> many;
  for (std::uint64_t i = 1; i <= Archive::kMaxPageEntries + 1; ++i) {
    many.push_back(At(i, std::to_string(i), "x"));
  }
  for (std::uint64_t i = 0; i < 40; ++i) {
    many.push_back(At(10'000 + i, "large" + std::to_string(i), std::string(60'000, 'x')));
  }
  ASSERT_THAT(archive_->Add(many, Position{20'000}), Succeeds());
  const ArchivePage first = archive_->Read(Position{}).value();
  EXPECT_EQ(first.entries.size(), Archive::kMaxPageEntries);
  EXPECT_EQ(first.through, Position{Archive::kMaxPageEntries});
  std::size_t read = first.entries.size();
  Position after = first.through;
  while (after != Position{20'000}) {
    const ArchivePage page = archive_->Read(after).value();
    ASSERT_GT(page.through, after);
    ASSERT_LE(page.entries.size(), 19U);
    read += page.entries.size();
    after = page.through;
  }
  EXPECT_EQ(read, many.size());
}

TEST_F(ArchiveTest, NobodyChangesOrRemovesAnEntry) {
  ASSERT_THAT(archive_->Add({At(3, "a", "1")}, Position{3}), Succeeds());
  SQLite::Database database((folder_ / "archive.db").string(), SQLite::OPEN_READWRITE);
  EXPECT_THROW(database.exec("DELETE FROM entries"), SQLite::Exception);
  EXPECT_THROW(database.exec("UPDATE entries SET content = x'00'"), SQLite::Exception);
}

}  // namespace
}  // namespace twinseal::journal
