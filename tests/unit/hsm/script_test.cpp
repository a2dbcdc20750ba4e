#include "tests/support/interposer/script.h"

#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::interposer {
namespace {

using hsm::Fails;
using hsm::IsOk;

TEST(InterposerScript, ReadsEveryForm) {
  const auto script = ParseScript(
      "# a comment\n"
      "C_Sign error CKR_DEVICE_ERROR times 3\n\n"
      "C_UnwrapKey delay 200ms\n"
      "C_Sign hang\n"
      "C_Sign crash after 10  # and another\n"
      "* error CKR_TOKEN_NOT_PRESENT after 2 times 1\n"
      "C_Sign corrupt times 1\n"
      "C_GetMechanismList hide CKM_AES_KEY_WRAP_PAD");
  ASSERT_THAT(script, IsOk());
  ASSERT_EQ(script->size(), 7U);
  EXPECT_EQ((*script)[0].rv, CKR_DEVICE_ERROR);
  EXPECT_EQ((*script)[0].times, 3U);
  EXPECT_EQ((*script)[1].delay, std::chrono::milliseconds(200));
  EXPECT_EQ((*script)[3].action, Action::kCrash);
  EXPECT_EQ((*script)[3].after, 10U);
  EXPECT_TRUE((*script)[4].Concerns("C_Login"));
  EXPECT_FALSE((*script)[0].Concerns("C_Login"));
  EXPECT_EQ((*script)[6].mechanism, CKM_AES_KEY_WRAP_PAD);
}

TEST(InterposerScript, CountsCalls) {
  const auto script = ParseScript("C_Sign error CKR_DEVICE_ERROR after 1 times 2");
  ASSERT_THAT(script, IsOk());
  const Rule& rule = script->front();
  std::vector<bool> hits;
  for (int i = 0; i < 5; ++i) hits.push_back(rule.Hits());
  EXPECT_EQ(hits, (std::vector<bool>{false, true, true, false, false}));
}

TEST(InterposerScript, KeepsTheCountersOfLinesThatStay) {
  const auto before = ParseScript("C_Sign hang after 1");
  ASSERT_THAT(before, IsOk());
  EXPECT_FALSE(before->front().Hits());
  auto after = ParseScript("C_Login crash\nC_Sign hang after 1");
  ASSERT_THAT(after, IsOk());
  KeepCounters(*after, *before);
  EXPECT_TRUE(after->back().Hits());
}

TEST(InterposerScript, RefusesWhatItCannotRead) {
  for (const char* line :
       {"C_Sign", "Sign hang", "C_Sign explode", "C_Sign error", "C_Sign error CKR_NONSENSE",
        "C_Sign delay 5", "C_Sign delay ms", "C_Sign hang times", "C_Sign hang often 3",
        "C_Sign hide CKM_SHA256", "C_GetMechanismList hide CKM_NONE", "C_Sign hang times -1"}) {
    EXPECT_THAT(ParseScript(line), Fails(Code::kInvalidArgument)) << line;
  }
}

}  // namespace
}  // namespace twinseal::interposer
