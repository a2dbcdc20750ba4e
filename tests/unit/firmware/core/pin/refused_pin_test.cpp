#include "firmware/core/pin/refused_pin.h"

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

TEST(RefusedPinFileTest, KnowsExactlyTheRefusedPinOfItsToken) {
  const test::TempFolder folder;
  RefusedPinFile file(folder.path(), "token 'a'");
  EXPECT_FALSE(*file.Holds(Pin("1234")));
  ASSERT_TRUE(file.Remember(Pin("1234")).ok());
  EXPECT_TRUE(*file.Holds(Pin("1234")));
  EXPECT_FALSE(*file.Holds(Pin("12345")));
  EXPECT_TRUE(*RefusedPinFile(folder.path(), "token 'a'").Holds(Pin("1234")));
  EXPECT_FALSE(*RefusedPinFile(folder.path(), "token 'b'").Holds(Pin("1234")));
  ASSERT_TRUE(file.Forget().ok());
  ASSERT_TRUE(file.Forget().ok());
  EXPECT_FALSE(*file.Holds(Pin("1234")));
}

TEST(RefusedPinFileTest, IsTheOwnersAndNeverTheSameTwice) {
  const test::TempFolder folder;
  RefusedPinFile file(folder.path(), "token");
  ASSERT_TRUE(file.Remember(Pin("geheim-4711")).ok());
  const std::string first = Content(file.path());
  ASSERT_TRUE(file.Remember(Pin("geheim-4711")).ok());
  EXPECT_NE(Content(file.path()), first);
  EXPECT_THAT(first, testing::Not(testing::HasSubstr("geheim")));
  struct stat status {};
  ASSERT_EQ(stat(file.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(RefusedPinFileTest, ADamagedFileIsNoPermissionToTry) {
  const test::TempFolder folder;
  RefusedPinFile file(folder.path(), "token");
  ASSERT_TRUE(file.Remember(Pin("1234")).ok());
  const std::string content = Content(file.path());
  for (const std::string& damaged :
       {std::string(), content.substr(0, 50), content + "x", "X" + content.substr(1)}) {
    std::ofstream(file.path(), std::ios::trunc) << damaged;
    const auto holds = file.Holds(Pin("1234"));
    ASSERT_FALSE(holds.ok());
    EXPECT_EQ(holds.error().code(), Code::kDataLoss);
  }
}

}  // namespace
}  // namespace twinseal::core
