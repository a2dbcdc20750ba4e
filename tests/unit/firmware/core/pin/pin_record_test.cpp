#include "firmware/core/pin/pin_record.h"

#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temp_folder.h"
#include "tests/unit/firmware/core/pin/pins.h"

namespace twinseal::core {
namespace {

std::string Content(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

using Mark = PinRecord::Mark;

TEST(PinRecordTest, KnowsExactlyTheRefusedPinOfItsToken) {
  const test::TempFolder folder;
  PinRecord record(folder.path(), "token 'a'");
  EXPECT_EQ(*record.Find(Pin("1234")), Mark::kNone);
  ASSERT_TRUE(record.Try(Pin("1234")).ok());
  EXPECT_EQ(*record.Find(Pin("1234")), Mark::kTried);
  ASSERT_TRUE(record.Refuse().ok());
  EXPECT_EQ(*record.Find(Pin("1234")), Mark::kRefused);
  EXPECT_EQ(*record.Find(Pin("12345")), Mark::kNone);
  EXPECT_EQ(*PinRecord(folder.path(), "token 'a'").Find(Pin("1234")), Mark::kRefused);
  EXPECT_EQ(*PinRecord(folder.path(), "token 'b'").Find(Pin("1234")), Mark::kNone);
  ASSERT_TRUE(record.Forget().ok());
  ASSERT_TRUE(record.Forget().ok());
  EXPECT_EQ(*record.Find(Pin("1234")), Mark::kNone);
}

TEST(PinRecordTest, ATryOfAnotherPinLeavesTheRefusedOneRefused) {
  const test::TempFolder folder;
  PinRecord record(folder.path(), "token");
  ASSERT_TRUE(record.Try(Pin("1234")).ok());
  ASSERT_TRUE(record.Refuse().ok());
  ASSERT_TRUE(record.Try(Pin("5678")).ok());
  EXPECT_EQ(*record.Find(Pin("1234")), Mark::kRefused);
  EXPECT_EQ(*record.Find(Pin("5678")), Mark::kTried);
}

TEST(PinRecordTest, IsTheOwnersAndNeverTheSameTwice) {
  const test::TempFolder folder;
  PinRecord record(folder.path(), "token");
  const auto refuse = [&record] {
    ASSERT_TRUE(record.Try(Pin("geheim-4711")).ok());
    ASSERT_TRUE(record.Refuse().ok());
  };
  refuse();
  const std::string first = Content(record.path());
  refuse();
  EXPECT_NE(Content(record.path()), first);
  EXPECT_THAT(first, testing::Not(testing::HasSubstr("geheim")));
  struct stat status {};
  ASSERT_EQ(stat(record.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(PinRecordTest, ADamagedFileIsNoPermissionToTry) {
  const test::TempFolder folder;
  PinRecord record(folder.path(), "token");
  ASSERT_TRUE(record.Try(Pin("1234")).ok());
  ASSERT_TRUE(record.Refuse().ok());
  const std::string content = Content(record.path());
  for (const std::string& damaged :
       {std::string(), content.substr(0, 50), content + "x", "X" + content.substr(1)}) {
    std::ofstream(record.path(), std::ios::trunc) << damaged;
    const auto mark = record.Find(Pin("1234"));
    ASSERT_FALSE(mark.ok());
    EXPECT_EQ(mark.error().code(), Code::kDataLoss);
  }
}

}  // namespace
}  // namespace twinseal::core
