// `twinseal pair confirm`, at an appliance's console.
#include <filesystem>
#include <future>

#include <sys/stat.h>

#include "tests/unit/agent/cli/cli_fixture.h"
#include "tests/unit/agent/cli/pseudo_terminal.h"

namespace twinseal::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

class PairConfirm : public CliTest {
 protected:
  PairConfirm() {
    std::filesystem::create_directories(Path("data/pair"));
    File("twinseald.conf", "site = \"b\"\ndata_dir = \"" + Path("data") +
                               "\"\nnames = [\"b.example\", \"192.0.2.2\"]\nhsm_sessions = 2\n");
    // As twinseald writes it.
    File("data/pair/pending.json",
         R"({"pairing_id":"00112233445566778899aabbccddeeff","partner":"a",)"
         R"("partner_fingerprint":"aaaa","own_fingerprint":"bbbb",)"
         R"("code":"12345 67890 11111 22222 33333 44444"})");
  }

  Outcome Confirm(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"pair", "confirm", "--config", Path("twinseald.conf")};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Twinseal(arguments);
  }
  bool Confirmed() const { return std::filesystem::exists(Path("data/pair/confirmed")); }
};

TEST_F(PairConfirm, TheCodeOfTheOtherSideConfirms) {
  for (const char* code :
       {"12345 67890 11111 22222 33333 44444", "12345-67890-11111-22222-33333-44444",
        "123456789011111222223333344444"}) {
    std::filesystem::remove(Path("data/pair/confirmed"));
    const Outcome outcome = Confirm({"--code", code});
    EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
    EXPECT_EQ(outcome.out, "Confirmed: the pairing with site a.\n");
    EXPECT_EQ(Content("data/pair/confirmed"),
              "00112233445566778899aabbccddeeff\n12345 67890 11111 22222 33333 44444\n");
  }
  struct stat status {};
  ASSERT_EQ(stat(Path("data/pair/confirmed").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777U, 0600U);
}

TEST_F(PairConfirm, JsonNamesThePairing) {
  EXPECT_EQ(Confirm({"--code", "123456789011111222223333344444", "--output", "json"}).out,
            "{\n  \"pairingId\": \"00112233445566778899aabbccddeeff\",\n  \"partner\": \"a\",\n"
            "  \"confirmed\": true\n}\n");
}

TEST_F(PairConfirm, AnotherCodeConfirmsNothing) {
  for (const char* code : {"12345 67890 11111 22222 33333 44445", "12345", "yes"}) {
    const Outcome outcome = Confirm({"--code", code});
    EXPECT_EQ(outcome.status, ExitStatus::kFailed);
    EXPECT_THAT(outcome.err, HasSubstr("the code of this appliance is another (12345 67890 11111 "
                                       "22222 33333 44444), and nothing was confirmed"));
  }
  EXPECT_FALSE(Confirmed());
}

TEST_F(PairConfirm, WithNothingPendingThereIsNothingToConfirm) {
  std::filesystem::remove(Path("data/pair/pending.json"));
  EXPECT_EQ(Confirm({"--code", "1"}).err,
            "twinseal: confirming the pairing: there is nothing to confirm: no pairing waits for "
            "this appliance's operator; begin one on the agent's host: `twinseal pair create`\n");
  std::filesystem::remove_all(Path("data/pair"));
  EXPECT_THAT(Confirm({"--code", "1"}).err, HasSubstr("there is nothing to confirm"));
}

TEST_F(PairConfirm, AnEmptyCodeIsNoCode) {
  File("data/pair/pending.json", R"({"pairing_id":"00","code":"none"})");
  EXPECT_THAT(Confirm({"--code", "none"}).err, HasSubstr("pending.json names no pairing"));
  File("data/pair/pending.json", "not JSON");
  EXPECT_EQ(Confirm({"--code", "none"}).status, ExitStatus::kFailed);
  EXPECT_FALSE(Confirmed());
}

TEST_F(PairConfirm, AsksTheOperator) {
  PseudoTerminal typist;
  terminal = typist.path();
  std::future<Outcome> running = std::async(std::launch::async, [this] { return Confirm(); });
  const std::string seen = typist.ReadUntil("Type yes: ");
  for (const char* shown : {"site a: aaaa", "this one: bbbb", "12345 67890 11111 22222"}) {
    EXPECT_THAT(seen, HasSubstr(shown));
  }
  EXPECT_TRUE(typist.echoes());
  typist.Type("yes\n");
  const Outcome outcome = running.get();
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_TRUE(Confirmed());
}

TEST_F(PairConfirm, OnlyYesIsYes) {
  for (const char* answer : {"y\n", "\n", "no\n", "yes!\n"}) {
    PseudoTerminal typist;
    terminal = typist.path();
    std::future<Outcome> running = std::async(std::launch::async, [this] { return Confirm(); });
    typist.ReadUntil("Type yes: ");
    typist.Type(answer);
    EXPECT_THAT(running.get().err, HasSubstr("you did not say yes, and nothing was confirmed"));
  }
  EXPECT_FALSE(Confirmed());
}

TEST_F(PairConfirm, WithoutATerminalTheCodeIsWanted) {
  EXPECT_THAT(Confirm().err, EndsWith("; give the code with --code\n"));
}

TEST_F(PairConfirm, AConfigurationThatCannotBeUsedIsNamed) {
  File("twinseald.conf", "site = \"b\"\n");
  EXPECT_THAT(Confirm().err, EndsWith("twinseald.conf does not say where the appliance's folder "
                                      "is; set data_dir there\n"));
  std::filesystem::remove(Path("twinseald.conf"));
  EXPECT_THAT(Confirm().err, HasSubstr("twinseald.conf cannot be read"));
}

}  // namespace
}  // namespace twinseal::cli
