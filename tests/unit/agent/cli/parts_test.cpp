// The parts that commands are made of: words, text, tables, progress, digests.
#include <sstream>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "agent/cli/digesting.h"
#include "agent/cli/files.h"
#include "agent/cli/json.h"
#include "agent/cli/progress.h"
#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "common/base/unique_fd.h"
#include "tests/unit/agent/cli/cli_fixture.h"

namespace twinseal::cli {
namespace {

using std::chrono::seconds;

TEST(Words, DurationsAreReadStrictly) {
  EXPECT_EQ(*ParseDuration("45s"), seconds(45));
  EXPECT_EQ(*ParseDuration("90m"), seconds(5400));
  EXPECT_EQ(*ParseDuration("12h"), seconds(43'200));
  EXPECT_EQ(*ParseDuration("30d"), seconds(2'592'000));
  EXPECT_EQ(*ParseDuration("2w"), seconds(1'209'600));
  EXPECT_EQ(*ParseDuration("0"), seconds(0));
  EXPECT_EQ(*ParseDuration("36500d"), seconds(3'153'600'000));
  for (const char* text : {"", "30", "-1d", "1.5d", "d", "1dd", "1 d", "36501d",
                           "99999999999999999999s", "+1d", "1D"}) {
    EXPECT_FALSE(ParseDuration(text).ok()) << text;
  }
}

TEST(Words, DurationsAreWrittenInTheLargestUnit) {
  EXPECT_EQ(FormatDuration(seconds(0)), "0s");
  EXPECT_EQ(FormatDuration(seconds(604'800)), "7d");
  EXPECT_EQ(FormatDuration(seconds(86'401)), "86401s");
  EXPECT_EQ(FormatDuration(seconds(5400)), "90m");
}

TEST(Words, TimesAndSizes) {
  EXPECT_EQ(FormatUnixMs(0), "-");
  EXPECT_EQ(FormatUnixMs(1), "1970-01-01 00:00:00Z");
  EXPECT_EQ(FormatUnixMs(-1), "1969-12-31 23:59:59Z");
  EXPECT_EQ(FormatUnixUs(1'795'233'906'007'999), "2026-11-21 04:05:06.007Z");
  EXPECT_EQ(FormatSize(0), "0 B");
  EXPECT_EQ(FormatSize(1023), "1023 B");
  EXPECT_EQ(FormatSize(1536), "1.5 KiB");
  EXPECT_EQ(FormatSize((1ULL << 20) - 1), "1.0 MiB");
  EXPECT_EQ(FormatSize(1ULL << 32), "4.0 GiB");
  EXPECT_EQ(Count(1, "file"), "1 file");
  EXPECT_EQ(Count(0, "file"), "0 files");
}

TEST(Words, EveryEnumeratorHasAWordThatIsReadBack) {
  EXPECT_EQ(Word(v1::PENDING_DESTRUCTION), "pending-destruction");
  EXPECT_EQ(Word(v1::RSA_PSS_SHA384), "rsa-pss-sha384");
  EXPECT_EQ(*ParseStorage(Word(v1::TOKEN)), v1::TOKEN);
  EXPECT_EQ(*ParseIsolation(Word(v1::STOP)), v1::STOP);
  EXPECT_EQ(*ParseRole("auditor"), v1::AUDITOR);
  EXPECT_FALSE(ParseStorage("unspecified").ok());
  EXPECT_FALSE(ParseStorage("VAULT").ok());
}

TEST(Text, WhatATerminalWouldObeyIsMadeVisible) {
  EXPECT_EQ(Printable("plain, ü, 鍵, 🔑"), "plain, ü, 鍵, 🔑");
  EXPECT_EQ(Printable("a\nb\x1b[1m\x7f"), "a\\x0ab\\x1b[1m\\x7f");
  EXPECT_EQ(Printable("\xc2\x9b"), "\\xc2\\x9b");
  EXPECT_EQ(Printable("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(Printable("\xed\xa0\x80\xc0\xaf\xf4\x90\x80\x80"),
            "\\xed\\xa0\\x80\\xc0\\xaf\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(Printable(std::string("\0x", 2)), "\\x00x");
  EXPECT_EQ(ReplaceInvalidUtf8("a\xff"
                               "b"),
            "a\xEF\xBF\xBD"
            "b");
  EXPECT_EQ(DisplayWidth("für"), 3U);
}

TEST(Json, TextIsEscaped) {
  std::ostringstream out;
  JsonWriter(out)
      .BeginArray()
      .String("q\" b\\ n\n t\t e\x1b d\x7f ü \xff")
      .Number(-5)
      .Bool(false)
      .Null()
      .EndArray()
      .Finish();
  EXPECT_EQ(out.str(),
            "[\n  \"q\\\" b\\\\ n\\n t\\t e\\u001b d\\u007f ü \xEF\xBF\xBD\",\n  -5,\n  false,\n  "
            "null\n]\n");
}

TEST(Json, ChangesNothingOfAStreamsState) {
  std::ostringstream out;
  out << std::hex;
  JsonWriter(out).Number(255).Finish();
  EXPECT_EQ(out.str(), "255\n");
}

TEST(TableTest, ColumnsAreAlignedByCharactersAndKeepTheirWidth) {
  std::ostringstream out;
  Table table({"A", "B"});
  table.Add({"für", "x"});
  table.Add({"", "y"});
  table.Print(out);
  table.Add({"1", "z"});
  table.Print(out);
  EXPECT_EQ(out.str(), "A    B\nfür  x\n-    y\n1    z\n");
}

TEST(ProgressTest, IsQuietAtFirstThenDrawsAndWipes) {
  std::ostringstream out;
  auto now = std::chrono::steady_clock::time_point();
  {
    Progress progress(&out, "release.tar", Progress::Unit::kBytes, 4ULL << 30, [&] { return now; });
    now += std::chrono::milliseconds(499);
    progress.Update(1ULL << 30);
    EXPECT_EQ(out.str(), "");
    now += std::chrono::milliseconds(501);
    progress.Update(2ULL << 30);
    EXPECT_EQ(
        out.str(),
        "\r\x1b[Krelease.tar  [############............]   50 %  2.0 GiB of 4.0 GiB  2.0 GiB/s");
    now += std::chrono::milliseconds(50);
    progress.Update(3ULL << 30);
    out.str("");
  }
  EXPECT_EQ(out.str(), "\r\x1b[K");
}

TEST(ProgressTest, KnowsNoTotalOrNoTerminal) {
  std::ostringstream out;
  auto now = std::chrono::steady_clock::time_point();
  {
    Progress progress(&out, "the standard input", Progress::Unit::kBytes, std::nullopt,
                      [&] { return now; });
    now += seconds(2);
    progress.Update(2048);
  }
  EXPECT_EQ(out.str(), "\r\x1b[Kthe standard input  2.0 KiB  1.0 KiB/s\r\x1b[K");
  Progress none(nullptr, "file", Progress::Unit::kBytes, 1, [&] { return now; });
  now += seconds(2);
  none.Update(1);
}

class Digesting : public CliTest {
 protected:
  Result<SchemeInputs> Digest(const std::string& path, const std::vector<v1::Scheme>& schemes) {
    const Surroundings surroundings{.out = unused_, .err = unused_, .environment = {}};
    return DigestFor(surroundings, path, schemes);
  }

 private:
  std::ostringstream unused_;
};

TEST_F(Digesting, MakesEachDigestInOneReading) {
  const auto inputs = Digest(File("abc", "abc"), {v1::ECDSA_SHA256, v1::RSA_PSS_SHA256,
                                                  v1::ECDSA_SHA384, v1::ED25519_PURE});
  ASSERT_TRUE(inputs.ok());
  // FIPS 180-4's example "abc".
  EXPECT_EQ(HexEncode(inputs->at(v1::ECDSA_SHA256)),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(inputs->at(v1::RSA_PSS_SHA256), inputs->at(v1::ECDSA_SHA256));
  EXPECT_EQ(HexEncode(inputs->at(v1::ECDSA_SHA384)),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baec"
            "a134c825a7");
  EXPECT_EQ(ToString(inputs->at(v1::ED25519_PURE)), "abc");
}

TEST_F(Digesting, APureSchemeIsLeftOutOfALongFileWhenThereAreOthers) {
  const auto inputs =
      Digest(File("long", std::string(70'000, 'x')), {v1::ECDSA_SHA256, v1::ED25519_PURE});
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(inputs->count(v1::ED25519_PURE), 0U);
  EXPECT_EQ(inputs->count(v1::ECDSA_SHA256), 1U);
}

TEST_F(Digesting, AnEmptyFileHasADigest) {
  const auto inputs = Digest(File("empty", ""), {v1::ECDSA_SHA256});
  ASSERT_TRUE(inputs.ok());
  EXPECT_EQ(HexEncode(inputs->at(v1::ECDSA_SHA256)),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// The largest that the process has been is the same after 1 GiB as before, but for a little: what a
// file needs does not depend on its length.
TEST_F(Digesting, MemoryDoesNotGrowWithTheFile) {
  constexpr long kSlackKib = 8 * 1024;
  const std::string path = File("sparse", "");
  ASSERT_EQ(truncate(path.c_str(), 1L << 30), 0);
  ASSERT_TRUE(Digest(File("small", "abc"), {v1::ECDSA_SHA256}).ok());
  rusage before{};
  rusage after{};
  getrusage(RUSAGE_SELF, &before);
  const auto inputs = Digest(path, {v1::ECDSA_SHA256});
  getrusage(RUSAGE_SELF, &after);
  ASSERT_TRUE(inputs.ok());
  // sha256sum of 1 GiB of zeros.
  EXPECT_EQ(HexEncode(inputs->at(v1::ECDSA_SHA256)),
            "49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14");
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, kSlackKib);
}

}  // namespace
}  // namespace twinseal::cli
