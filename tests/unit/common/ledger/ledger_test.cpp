#include "common/ledger/ledger.h"

#include <string>

#include <gtest/gtest.h>

namespace twinseal::ledger {
namespace {

TEST(RangePrefix, EndsBehindTheLastKeyThatBeginsSo) {
  EXPECT_EQ(Range::Prefix("/a").first, "/a");
  EXPECT_EQ(Range::Prefix("/a").end, "/b");
  EXPECT_EQ(Range::Prefix("/a", 7).limit, 7U);
  EXPECT_EQ(Range::Prefix("").end, "");
  EXPECT_EQ(Range::Prefix("a\xff\xff").end, "b");
  EXPECT_EQ(Range::Prefix("\xff\xff").end, "");
  EXPECT_EQ(Range::Prefix("a\x7f").end, "a\x80");
  EXPECT_EQ(Range::Prefix(std::string("a\0", 2)).end, std::string("a\1", 2));
}

TEST(AsRead, IsOfTheCommitThatWroteItOrOfNone) {
  const Entry entry{"a", {}, Revision{3}, Revision{7}};
  const Guard of_entry = AsRead("a", entry);
  const auto& unchanged = std::get<UnchangedSince>(of_entry);
  EXPECT_EQ(unchanged.key, "a");
  EXPECT_EQ(unchanged.modified, Revision{7});
  const Guard of_none = AsRead("b", std::nullopt);
  EXPECT_EQ(std::get<Absent>(of_none).key, "b");
}

TEST(CheckTransaction, NamesTheKeyThatIsWrittenTwice) {
  const Status status = CheckTransaction({{}, {Put{"/key/7", {}}, Remove{"/key/7"}}});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  EXPECT_NE(status.error().message().find("/key/7"), std::string::npos);
}

}  // namespace
}  // namespace twinseal::ledger
