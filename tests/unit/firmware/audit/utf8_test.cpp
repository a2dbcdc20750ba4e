#include "firmware/audit/utf8.h"

#include <gtest/gtest.h>

#include "tests/unit/firmware/audit/audit_fixture.h"

namespace twinseal::audit {
namespace {

std::string Made(std::string text) {
  MakeUtf8(text);
  return text;
}

TEST(MakeUtf8, LeavesWhatIsWellFormed) {
  using std::string_literals::operator""s;
  for (const std::string& text :
       {""s, "plain"s, "\0"s, "\x7f"s, "\xc2\x80"s, "\xdf\xbf"s, "\xe0\xa0\x80"s, "\xed\x9f\xbf"s,
        "\xee\x80\x80"s, "\xef\xbf\xbf"s, "\xf0\x90\x80\x80"s, "\xf4\x8f\xbf\xbf"s,
        "Zürich – 東京 🔏"s}) {
    EXPECT_EQ(Made(text), text);
  }
}

TEST(MakeUtf8, ReplacesWhatIsNot) {
  EXPECT_EQ(Made("a\x80z"), "a?z");
  EXPECT_EQ(Made("\xff\xfe"), "??");
  EXPECT_EQ(Made("\xc0\xaf"), "??");            // Overlong.
  EXPECT_EQ(Made("\xe0\x9f\xbf"), "???");       // Overlong.
  EXPECT_EQ(Made("\xed\xa0\x80"), "???");       // A surrogate.
  EXPECT_EQ(Made("\xf4\x90\x80\x80"), "????");  // Beyond U+10FFFF.
  EXPECT_EQ(Made("\xf0\x90\x80\x80\x80"), "\xf0\x90\x80\x80?");
  EXPECT_EQ(Made("ab\xe6\x9d"), "ab??");  // Cut.
  EXPECT_EQ(Made("\xe6"
                 "a\xc3\xbc"),
            "?a\xc3\xbc");  // The next character is kept.
}

TEST_F(AuditTest, CanReadEveryRecordAgain) {
  const auto log = Open();
  v1::AuditRecord record = Record("cut: \xe6\x9d");
  record.set_key_name("\xff\xff");
  ASSERT_TRUE(log->AppendAndWait(record).ok());
  EXPECT_EQ(Parse(All(*log).at(0)).detail(), "cut: ??");
  EXPECT_TRUE(Verify(*log).ok());
}

}  // namespace
}  // namespace twinseal::audit
