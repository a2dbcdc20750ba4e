#include "common/sqlite/database.h"

#include <fstream>
#include <stdexcept>
#include <string>

#include <SQLiteCpp/Column.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_folder.h"

namespace twinseal::sqlite {
namespace {

class DatabaseTest : public testing::Test {
 protected:
  std::filesystem::path path() const { return folder_ / "test.db"; }

  static OpenOptions Options() {
    return {.what = "the test file",
            .application_id = 0x54455354,
            .schema_version = 3,
            .schema = "CREATE TABLE things (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;"};
  }

  std::unique_ptr<SQLite::Database> MustOpen(const OpenOptions& options) const {
    auto opened = Open(path(), options);
    if (!opened.ok()) throw std::runtime_error(opened.error().Describe());
    return std::move(opened).value();
  }

  std::optional<Code> Refusal(const OpenOptions& options) const {
    const auto opened = Open(path(), options);
    if (opened.ok()) return std::nullopt;
    EXPECT_NE(opened.error().message().find("the test file"), std::string::npos);
    EXPECT_NE(opened.error().message().find(folder_.path().string()), std::string::npos);
    return opened.error().code();
  }

  const test::TempFolder folder_;
};

TEST_F(DatabaseTest, IsSetUpAsAskedFor) {
  OpenOptions options = Options();
  options.secure_delete = true;
  options.max_pages = 100;
  const auto database = MustOpen(options);
  const auto pragma = [&](const char* name) {
    return database->execAndGet(std::string("PRAGMA ") + name).getString();
  };
  EXPECT_EQ(pragma("journal_mode"), "wal");
  EXPECT_EQ(pragma("synchronous"), "2");
  EXPECT_EQ(pragma("secure_delete"), "1");
  EXPECT_EQ(pragma("max_page_count"), "100");
  EXPECT_EQ(pragma("page_size"), std::to_string(kPageBytes));
  EXPECT_EQ(pragma("user_version"), "3");
}

TEST_F(DatabaseTest, KeepsWhatItHolds) {
  MustOpen(Options())->exec("INSERT INTO things (bytes) VALUES (x'0102')");
  EXPECT_EQ(MustOpen(Options())->execAndGet("SELECT count(*) FROM things").getInt(), 1);
}

TEST_F(DatabaseTest, RefusesOtherFormatsAndOtherFiles) {
  MustOpen(Options()).reset();
  OpenOptions newer = Options();
  newer.schema_version = 4;
  EXPECT_EQ(Refusal(newer), Code::kFailedPrecondition);
  OpenOptions other = Options();
  other.application_id = 1;
  EXPECT_EQ(Refusal(other), Code::kDataLoss);
  EXPECT_EQ(Refusal(Options()), std::nullopt);
}

TEST_F(DatabaseTest, RefusesWhatIsNoDatabase) {
  std::ofstream(path()) << std::string(10'000, 'x');
  ASSERT_EQ(chmod(path().c_str(), 0600), 0);
  EXPECT_EQ(Refusal(Options()), Code::kDataLoss);
}

TEST_F(DatabaseTest, LeavesNothingWhenItsTablesCannotBeMade) {
  OpenOptions broken = Options();
  broken.schema =
      "CREATE TABLE things (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT; CREATE NONSENSE;";
  const auto opened = Open(path(), broken);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::kInternal);
  EXPECT_EQ(Refusal(Options()), std::nullopt);
}

TEST_F(DatabaseTest, RefusesLogsThatAreOpenToOthers) {
  const auto database = MustOpen(Options());
  database->exec("INSERT INTO things (bytes) VALUES (x'0102')");
  const std::string log = path().string() + "-wal";
  ASSERT_EQ(chmod(log.c_str(), 0644), 0);
  const Status status = CheckPrivate(path(), "the test file");
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kPermissionDenied);
  EXPECT_NE(status.error().message().find(log), std::string::npos);
  ASSERT_EQ(chmod(log.c_str(), 0600), 0);
  EXPECT_TRUE(CheckPrivate(path(), "the test file").ok());
}

TEST_F(DatabaseTest, RefusesFoldersAndLinks) {
  std::filesystem::create_directory(path());
  EXPECT_EQ(Refusal(Options()), Code::kPermissionDenied);
  std::filesystem::remove(path());
  std::filesystem::create_symlink("/etc/passwd", path());
  EXPECT_EQ(Refusal(Options()), Code::kPermissionDenied);
}

TEST_F(DatabaseTest, ReadersSeeWhatIsCommitted) {
  const auto writer = MustOpen(Options());
  const auto reader = OpenReader(path(), "the test file").value();
  SQLite::Transaction transaction(*writer);
  writer->exec("INSERT INTO things (bytes) VALUES (x'01')");
  EXPECT_EQ(reader->execAndGet("SELECT count(*) FROM things").getInt(), 0);
  transaction.commit();
  EXPECT_EQ(reader->execAndGet("SELECT count(*) FROM things").getInt(), 1);
  EXPECT_THROW(reader->exec("DELETE FROM things"), SQLite::Exception);
}

TEST_F(DatabaseTest, TurnsWhatSqliteThrowsIntoErrors) {
  const auto database = MustOpen(Options());
  const auto code = [&](const char* statement) {
    return Guard("the test file",
                 [&]() -> Status {
                   database->exec(statement);
                   return Ok();
                 })
        .error()
        .code();
  };
  EXPECT_EQ(code("INSERT INTO things (bytes) VALUES (NULL)"), Code::kInternal);
  EXPECT_EQ(code("SELECT nonsense"), Code::kInternal);
  database->exec("PRAGMA max_page_count = 4");
  EXPECT_EQ(code("INSERT INTO things (bytes) VALUES (zeroblob(1000000))"),
            Code::kResourceExhausted);
}

TEST_F(DatabaseTest, BindsAndReadsBlobsOfAnySize) {
  const auto database = MustOpen(Options());
  for (const std::size_t size : {0UL, 1UL, 5000UL}) {
    const Bytes bytes(size, 0xab);
    SQLite::Statement insert(*database, "INSERT INTO things (id, bytes) VALUES (?, ?)");
    insert.bind(1, static_cast<std::int64_t>(size));
    BindBlob(insert, 2, bytes);
    insert.exec();
    SQLite::Statement query(*database, "SELECT bytes FROM things WHERE id = ?");
    query.bind(1, static_cast<std::int64_t>(size));
    ASSERT_TRUE(query.executeStep());
    EXPECT_EQ(BlobOf(query.getColumn(0)), bytes);
  }
}

}  // namespace
}  // namespace twinseal::sqlite
