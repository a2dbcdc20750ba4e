#include <array>
#include <cstdlib>
#include <future>

#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/unique_fd.h"
#include "tests/unit/agent/cli/cli_fixture.h"
#include "tests/unit/agent/cli/pseudo_terminal.h"

namespace twinseal::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ApplianceInit : public CliTest {
 protected:
  ApplianceInit() {
    setenv("FAKE_RECORD", Path("record").c_str(), 1);
    File("twinseald.conf", "site = \"a\"\n");
    pin_ = UniqueFd(open(File("pin", "1234-user").c_str(), O_RDONLY | O_CLOEXEC));
    so_pin_ = UniqueFd(open(File("so-pin", "5678-officer").c_str(), O_RDONLY | O_CLOEXEC));
  }
  ~ApplianceInit() override {
    unsetenv("FAKE_RECORD");
    unsetenv("FAKE_MODE");
  }

  std::vector<std::string> Init() const {
    return {"appliance",   "init",         "--config",  Path("twinseald.conf"),
            "--twinseald", FAKE_TWINSEALD, "--out-dir", Path("out")};
  }
  Outcome InitWithPins(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = Init();
    arguments.insert(arguments.end(), {"--pin-fd", std::to_string(pin_.get()), "--so-pin-fd",
                                       std::to_string(so_pin_.get())});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Twinseal(arguments);
  }
  bool Exists(const std::string& name) const { return access(Path(name).c_str(), F_OK) == 0; }

  UniqueFd pin_;
  UniqueFd so_pin_;
};

TEST_F(ApplianceInit, SetsUpAndWritesTheOperatorsFiles) {
  const Outcome outcome = InitWithPins({"--operator", "alice", "--token-label", "twinseal-x"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(
      outcome.out,
      "The appliance is set up: token, domain and site keys, identity key, operator CA.\n"
      "Identity fingerprint (SHA-256; note it, it proves this appliance when sites are paired):\n"
      "  0123abcd\n"
      "Operator alice:\n"
      "  key          " +
          Path("out/operator.key") +
          "   (keep it safe; it is nowhere else)\n"
          "  certificate  " +
          Path("out/operator.pem") +
          "\n"
          "  CA           " +
          Path("out/ca.pem") +
          "\n"
          "Next:\n"
          "  1. start the appliance: twinseald --config " +
          Path("twinseald.conf") +
          "\n"
          "  2. export TWINSEAL_ENDPOINTS=https://HOST:PORT TWINSEAL_KEY=" +
          Path("out/operator.key") +
          " \\\n"
          "       TWINSEAL_CERTIFICATE=" +
          Path("out/operator.pem") + " TWINSEAL_CA=" + Path("out/ca.pem") +
          "\n"
          "  3. twinseal status\n");
  const std::string record = Content("record");
  EXPECT_THAT(
      record,
      StartsWith("--initialize\n--config " + Path("twinseald.conf") +
                 "\n--hsm-token twinseal-x\npin 1234-user\nso-pin 5678-officer\noperator alice\n"
                 "csr -----BEGIN CERTIFICATE REQUEST-----\n"));
  for (const char* name : {"out/operator.key", "out/operator.pem", "out/ca.pem"}) {
    struct stat status {};
    ASSERT_EQ(stat(Path(name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 07777U, 0600U) << name;
  }
  EXPECT_THAT(outcome.out + outcome.err, Not(HasSubstr("1234-user")));
}

TEST_F(ApplianceInit, JsonHasThePaths) {
  EXPECT_EQ(InitWithPins({"--output", "json"}).out,
            "{\n  \"operator\": \"operator\",\n  \"keyFile\": \"" + Path("out/operator.key") +
                "\",\n  \"certificateFile\": \"" + Path("out/operator.pem") +
                "\",\n  \"caFile\": \"" + Path("out/ca.pem") +
                "\",\n  \"identityFingerprint\": \"0123abcd\"\n}\n");
}

TEST_F(ApplianceInit, AJoinerHasAnIdentityAndNoOperator) {
  std::vector<std::string> arguments = {"appliance",
                                        "init",
                                        "--join",
                                        "--config",
                                        Path("twinseald.conf"),
                                        "--twinseald",
                                        FAKE_TWINSEALD,
                                        "--pin-fd",
                                        std::to_string(pin_.get()),
                                        "--so-pin-fd",
                                        std::to_string(so_pin_.get())};
  const Outcome outcome = Twinseal(arguments);
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "The appliance is set up to join a pair: token, site key, identity key.\n"
            "Identity fingerprint (SHA-256; note it, it proves this appliance when it is paired):\n"
            "  0123abcd\n"
            "Next:\n"
            "  1. start the appliance: twinseald --config " +
                Path("twinseald.conf") +
                "\n"
                "  2. on the agent's host: twinseal pair create --joiner https://HOST:PORT\n"
                "  3. here, and at the other appliance: twinseal pair confirm --config " +
                Path("twinseald.conf") + "\n");
  EXPECT_THAT(Content("record"), HasSubstr("\njoin\n"));
  EXPECT_THAT(Content("record"), HasSubstr("pin 1234-user\nso-pin 5678-officer\n"));
  EXPECT_THAT(FilesInFolder(), ElementsAre("pin", "record", "so-pin", "twinseald.conf"));
  for (const char* option : {"--operator", "--out-dir"}) {
    std::vector<std::string> both = arguments;
    both.insert(both.end(), {option, "x"});
    EXPECT_EQ(Twinseal(both).status, ExitStatus::kWrongUsage);
  }
}

TEST_F(ApplianceInit, ARefusalIsToldAndLeavesNoFiles) {
  setenv("FAKE_MODE", "refuses", 1);
  const Outcome outcome = InitWithPins();
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err,
            "twinseal: setting up the appliance: the token twinseal-a is initialized already; "
            "choose another\n");
  EXPECT_FALSE(Exists("out/operator.key"));
  EXPECT_FALSE(Exists("out/operator.pem"));
}

TEST_F(ApplianceInit, AServiceThatDiesIsToldWithItsStatus) {
  setenv("FAKE_MODE", "dies", 1);
  const Outcome outcome = InitWithPins();
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("ended with status 3 and gave no answer"));
  EXPECT_FALSE(Exists("out/operator.key"));
}

TEST_F(ApplianceInit, AMissingProgramOrConfigurationIsNamed) {
  std::vector<std::string> arguments = {"appliance",   "init",
                                        "--config",    Path("twinseald.conf"),
                                        "--out-dir",   Path("out"),
                                        "--twinseald", Path("no-twinseald"),
                                        "--pin-fd",    std::to_string(pin_.get()),
                                        "--so-pin-fd", std::to_string(so_pin_.get())};
  EXPECT_THAT(Twinseal(arguments).err,
              EndsWith("no-twinseald cannot be started: No such file or directory; name the "
                       "program with --twinseald\n"));
  arguments[3] = Path("no.conf");
  EXPECT_THAT(Twinseal(arguments).err,
              EndsWith("no.conf cannot be read: No such file or directory\n"));
}

TEST_F(ApplianceInit, ADescriptorThatIsNotOpenIsNamed) {
  std::vector<std::string> arguments = Init();
  arguments.insert(arguments.end(), {"--so-pin-fd", "987", "--pin-fd", "986"});
  const Outcome outcome = Twinseal(arguments);
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err,
            "twinseal: setting up the appliance: --so-pin-fd 987 is no open descriptor; open it, "
            "as in --so-pin-fd 987< FILE\n");
}

TEST_F(ApplianceInit, WithoutATerminalThePinsAreNotAsked) {
  const Outcome outcome = Twinseal(Init());
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err,
            "twinseal: setting up the appliance: there is no terminal to ask at "
            "(/dev/null/no-terminal: Not a directory); "
            "give the secret through a descriptor\n");
  EXPECT_FALSE(Exists("out/operator.key"));
}

TEST_F(ApplianceInit, AsksForEachPinTwiceWithoutEcho) {
  PseudoTerminal typist;
  terminal = typist.path();
  std::future<Outcome> running =
      std::async(std::launch::async, [this] { return Twinseal(Init()); });
  std::string seen;
  const auto answer = [&](const std::string& question, const std::string& text) {
    seen += typist.ReadUntil(question);
    EXPECT_FALSE(typist.echoes());
    typist.Type(text + "\n");
  };
  answer("Security officer's PIN for the token: ", "officer-1");
  answer("once more: ", "officer-2");
  answer("They differ. Security officer's PIN for the token: ", "officer-3");
  answer("once more: ", "officer-3");
  answer("PIN that the appliance signs with: ", "user-1");
  answer("once more: ", "user-1");
  const Outcome outcome = running.get();
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_TRUE(typist.echoes());
  EXPECT_THAT(seen, Not(HasSubstr("officer-")));
  EXPECT_THAT(Content("record"), HasSubstr("\npin user-1\nso-pin officer-3\n"));
}

TEST_F(ApplianceInit, NothingTypedIsRefused) {
  PseudoTerminal typist;
  terminal = typist.path();
  std::future<Outcome> running =
      std::async(std::launch::async, [this] { return Twinseal(Init()); });
  typist.ReadUntil("token: ");
  typist.Type("\n");
  EXPECT_EQ(running.get().err,
            "twinseal: setting up the appliance: nothing was typed; type the secret and Enter\n");
  EXPECT_TRUE(typist.echoes());
}

}  // namespace
}  // namespace twinseal::cli
