#include "firmware/core/process/state_folder.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_folder.h"

namespace twinseal::core {
namespace {

TEST(UseFolderTest, MakesItForItsOwnerAloneAndUsesItAgain) {
  const test::TempFolder temporary;
  const auto folder = temporary / "core";
  ASSERT_TRUE(UseFolder(folder).ok());
  struct stat status {};
  ASSERT_EQ(stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  EXPECT_TRUE(UseFolder(folder).ok());
}

TEST(UseFolderTest, RefusesWhatIsNotTheAppliancesAlone) {
  const test::TempFolder temporary;
  const auto open = temporary / "open";
  std::filesystem::create_directory(open);
  ASSERT_EQ(chmod(open.c_str(), 0750), 0);
  const Status refused = UseFolder(open);
  EXPECT_EQ(refused.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr(open.string()));

  std::filesystem::create_directory_symlink(temporary.path(), temporary / "link");
  EXPECT_EQ(UseFolder(temporary / "link").error().code(), Code::kPermissionDenied);

  std::ofstream(temporary / "file") << "x";
  EXPECT_EQ(UseFolder(temporary / "file").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(UseFolder(temporary / "no" / "parent").error().code(), Code::kFailedPrecondition);
}

TEST(UseFolderTest, RefusesAnotherUsersFolder) {
  if (geteuid() != 0) {
    // Without root no folder of another user can be made, but one can be found.
    EXPECT_EQ(UseFolder("/root").error().code(), Code::kPermissionDenied);
    return;
  }
  const test::TempFolder temporary;
  const auto folder = temporary / "theirs";
  ASSERT_TRUE(UseFolder(folder).ok());
  ASSERT_EQ(chown(folder.c_str(), 65534, 65534), 0);
  EXPECT_EQ(UseFolder(folder).error().code(), Code::kPermissionDenied);
}

}  // namespace
}  // namespace twinseal::core
