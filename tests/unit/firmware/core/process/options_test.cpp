#include "firmware/core/process/options.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "firmware/core_protocol/exit_status.h"

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;

std::optional<Options> Parse(std::vector<std::string> words, int& exit_status) {
  words.insert(words.begin(), "twinseal-core");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  return ParseOptions(static_cast<int>(argv.size()), argv.data(), exit_status);
}

const std::vector<std::string> kLeast = {"--channel-fd", "3",     "--data-dir", "/d", "--site", "a",
                                         "--module",     "/m.so", "--token",    "t"};

std::vector<std::string> With(std::vector<std::string> more) {
  std::vector<std::string> words = kLeast;
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

TEST(OptionsTest, ReadsTheLeastAndItsDefaults) {
  int exit_status = -1;
  const auto options = Parse(kLeast, exit_status);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->channel_fd, 3);
  EXPECT_EQ(options->site, "a");
  EXPECT_EQ(options->sessions, 2U);
  EXPECT_FALSE(options->pin_fd);
  EXPECT_FALSE(options->initialize);
}

TEST(OptionsTest, ReadsTheRest) {
  int exit_status = -1;
  const auto options = Parse(With({"--sessions", "4", "--pin-fd", "5", "--so-pin-fd", "6",
                                   "--initialize", "--module-arguments", "configdir='x'",
                                   "--module-environment", "A", "--module-environment", "B"}),
                             exit_status);
  ASSERT_TRUE(options);
  EXPECT_EQ(options->sessions, 4U);
  EXPECT_EQ(options->pin_fd, 5);
  EXPECT_EQ(options->so_pin_fd, 6);
  EXPECT_TRUE(options->initialize);
  EXPECT_EQ(options->module_arguments, "configdir='x'");
  EXPECT_EQ(options->module_environment, (std::vector<std::string>{"A", "B"}));
}

TEST(OptionsTest, RefusesWrongUsage) {
  for (const auto& words :
       {std::vector<std::string>{}, With({"--sessions", "0"}), With({"--sessions", "65"}),
        With({"--pin", "1234"}), With({"more"}), With({"--log-level", "loud"})}) {
    int exit_status = -1;
    EXPECT_FALSE(Parse(words, exit_status));
    EXPECT_EQ(exit_status, static_cast<int>(CoreExit::kUsage));
  }
}

}  // namespace
}  // namespace twinseal::core
