#include "firmware/core/pin/pin_input.h"

#include <array>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/unique_fd.h"
#include "tests/support/temp_folder.h"

namespace twinseal::core {
namespace {

UniqueFd FileOf(std::string_view text) {
  UniqueFd file(memfd_create("pin", MFD_CLOEXEC));
  EXPECT_EQ(write(file.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  return file;
}

std::string Text(const Result<Secret>& pin) {
  if (!pin.ok()) return "(" + pin.error().origin() + ")";
  return ToString(pin->Reveal(SecretAccess()));
}

TEST(ReadPinTest, ReadsAFileFromItsBeginningAgainAndAgain) {
  const UniqueFd file = FileOf("1234\n");
  EXPECT_EQ(Text(ReadPin(file.get())), "1234");
  EXPECT_EQ(Text(ReadPin(file.get())), "1234");
}

TEST(ReadPinTest, TakesOneNewlineAwayAndNothingElse) {
  EXPECT_EQ(Text(ReadPin(FileOf("12 34").get())), "12 34");
  EXPECT_EQ(Text(ReadPin(FileOf("1234\n\n").get())), "1234\n");
  EXPECT_EQ(Text(ReadPin(FileOf("1234 \r\n").get())), "1234 \r");
}

TEST(ReadPinTest, ReadsAPipeThatIsWrittenInPieces) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  ASSERT_EQ(write(writing.get(), "12", 2), 2);
  ASSERT_EQ(write(writing.get(), "34\n", 3), 3);
  writing.Reset();
  EXPECT_EQ(Text(ReadPin(reading.get())), "1234");
}

TEST(ReadPinTest, NamesAMissingPin) {
  EXPECT_EQ(Text(ReadPin(FileOf("").get())), "(PIN_MISSING)");
  EXPECT_EQ(Text(ReadPin(FileOf("\n").get())), "(PIN_MISSING)");
  EXPECT_EQ(Text(ReadPin(-1)), "(PIN_MISSING)");
}

TEST(ReadPinTest, TakesTheLongestAndRefusesALongerOne) {
  EXPECT_EQ(Text(ReadPin(FileOf(std::string(kMaxPinBytes, 'p') + "\n").get())).size(),
            kMaxPinBytes);
  const auto refused = ReadPin(FileOf(std::string(kMaxPinBytes + 1, 'p')).get());
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
}

TEST(FindPinTest, PrefersTheDescriptorAndFallsBackToTheCredential) {
  const test::TempFolder temporary;
  const std::string folder = temporary.path();
  EXPECT_EQ(Text(FindPin(std::nullopt, folder)), "(PIN_MISSING)");
  std::ofstream(folder + "/hsm-pin") << "credential";
  const UniqueFd file = FileOf("descriptor");
  EXPECT_EQ(Text(FindPin(file.get(), folder)), "descriptor");
  EXPECT_EQ(Text(FindPin(std::nullopt, folder)), "credential");
  EXPECT_EQ(Text(FindPin(std::nullopt, std::nullopt)), "(PIN_MISSING)");
}

}  // namespace
}  // namespace twinseal::core
