#include <array>
#include <set>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "common/base/big_endian.h"
#include "common/base/bytes.h"
#include "common/base/error.h"
#include "common/base/secret.h"
#include "common/base/types.h"

namespace twinseal {
namespace {

TEST(ErrorCodes, NamesAreReadBackAndDistinct) {
  std::set<std::string_view> names;
  for (int number = 1; number <= 16; ++number) {
    const Code code = static_cast<Code>(number);
    names.insert(CodeName(code));
    EXPECT_EQ(CodeFromName(CodeName(code)), code);
  }
  EXPECT_EQ(names.size(), 16U);
  EXPECT_EQ(CodeFromName("no_such_code"), std::nullopt);
}

TEST(ErrorValue, KeepsWhereItArose) {
  const Error inner(Code::kDataLoss, "the row is gone", "SQLITE_CORRUPT");
  const Error outer = inner.Within("opening the vault");
  EXPECT_EQ(outer.message(), "opening the vault: the row is gone");
  EXPECT_EQ(outer.origin(), "SQLITE_CORRUPT");
  EXPECT_EQ(outer.where().line(), inner.where().line());
}

// RFC 4648 §10.
TEST(Base64, HasTheStandardsVectors) {
  const std::array<std::pair<std::string, std::string>, 7> vectors = {{{"", ""},
                                                                       {"f", "Zg=="},
                                                                       {"fo", "Zm8="},
                                                                       {"foo", "Zm9v"},
                                                                       {"foob", "Zm9vYg=="},
                                                                       {"fooba", "Zm9vYmE="},
                                                                       {"foobar", "Zm9vYmFy"}}};
  for (const auto& [plain, encoded] : vectors) {
    EXPECT_EQ(Base64Encode(AsBytes(plain)), encoded);
    const Result<Bytes> decoded = Base64Decode(encoded);
    ASSERT_TRUE(decoded.ok()) << encoded;
    EXPECT_EQ(ToString(*decoded), plain);
  }
}

TEST(Base64, RefusesEverySecondSpelling) {
  for (const std::string text :
       {"Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm9v====", "Z=9v", "_-8="}) {
    EXPECT_FALSE(Base64Decode(text).ok()) << text;
  }
}

TEST(Hex, ReadsBothCasesAndRefusesTheRest) {
  EXPECT_EQ(HexEncode(Bytes{0x00, 0xaf, 0xff}), "00afff");
  EXPECT_EQ(*HexDecode("00aFfF"), (Bytes{0x00, 0xaf, 0xff}));
  EXPECT_FALSE(HexDecode("0").ok());
  EXPECT_FALSE(HexDecode("0g").ok());
}

TEST(SecretBytes, AreCutScrubbedAndCompared) {
  Secret secret(AsBytes("123456\n"));
  secret.Truncate(6);
  EXPECT_TRUE(secret == Secret(AsBytes("123456")));
  EXPECT_FALSE(secret == Secret(AsBytes("123457")));
  EXPECT_FALSE(secret == Secret(AsBytes("12345")));
  const Secret moved = std::move(secret);
  EXPECT_EQ(ToString(moved.Reveal(SecretAccess())), "123456");
}

TEST(KeyNames, AcceptExactlyTheRule) {
  const std::string longest(KeyName::kMaxSize, 'x');
  for (const std::string& good :
       {std::string("a"), std::string("0"), std::string("a.b_c-9"), longest}) {
    EXPECT_TRUE(KeyName::Parse(good).ok()) << good;
  }
  const std::string nul("a\0b", 3);
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string(10'000, 'x'), nul, std::string("../etc"),
        std::string("-a"), std::string(".a"), std::string("A"), std::string("a b"),
        std::string("\xff\xfe"), std::string("a/b")}) {
    const Result<KeyName> refused = KeyName::Parse(bad);
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
    EXPECT_LT(refused.error().message().size(), 100U);
  }
  EXPECT_TRUE(KeyName::Parse("twinseal.operator-ca")->reserved());
  EXPECT_FALSE(KeyName::Parse("twinseals")->reserved());
}

TEST(SiteNames, AcceptExactlyTheRule) {
  for (const std::string good : {"a", "b", "fra-1"})
    EXPECT_TRUE(SiteName::Parse(good).ok()) << good;
  for (const std::string bad : {"", "1a", "-a", "A", "a_b", "aaaaaaaaaaaaaaaaa"}) {
    EXPECT_FALSE(SiteName::Parse(bad).ok()) << bad;
  }
}

TEST(RequestIds, AreLongEnoughToBeUnique) {
  EXPECT_FALSE(RequestId::Parse("1234567").ok());
  EXPECT_TRUE(RequestId::Parse("12345678").ok());
  EXPECT_FALSE(RequestId::Parse("1234567/").ok());
  EXPECT_FALSE(RequestId::Parse(std::string(65, 'a')).ok());
  EXPECT_NE(RequestId::Random(), RequestId::Random());
  EXPECT_TRUE(RequestId::Parse(RequestId::Random().text()).ok());
}

TEST(KeyIds, AreReadBack) {
  const KeyId id = KeyId::Random();
  EXPECT_EQ(*KeyId::FromHex(id.Hex()), id);
  EXPECT_EQ(*KeyId::FromBytes(id.bytes()), id);
  EXPECT_FALSE(KeyId::FromHex("00").ok());
  EXPECT_NE(KeyId::Random(), id);
}

TEST(BigEndian, IsWrittenAndReadHighestFirst) {
  Bytes bytes;
  AppendBigEndian(bytes, std::uint32_t{0x01020380});
  EXPECT_EQ(bytes, (Bytes{1, 2, 3, 0x80}));
  EXPECT_EQ(ReadBigEndian<std::uint32_t>(bytes), 0x01020380U);
  EXPECT_EQ(ReadBigEndian<std::uint64_t>(BytesView(bytes).first(3)), 0x010203U);
  EXPECT_EQ(ReadBigEndian<std::uint16_t>({}), 0U);
}

}  // namespace
}  // namespace twinseal
