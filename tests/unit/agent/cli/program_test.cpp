#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/agent/cli/cli_fixture.h"

namespace twinseal::cli {
namespace {

using ::testing::HasSubstr;

class Program : public CliTest {};

TEST_F(Program, NothingIsWrongUsage) {
  const Outcome outcome = Twinseal({});
  EXPECT_EQ(outcome.status, ExitStatus::kWrongUsage);
  EXPECT_EQ(outcome.err, "twinseal: A subcommand is required; see `twinseal --help`\n");
}

TEST_F(Program, AnUnknownCommandOrOptionIsWrongUsage) {
  EXPECT_EQ(Twinseal({"sing"}).status, ExitStatus::kWrongUsage);
  EXPECT_EQ(Twinseal({"sing"}).err,
            "twinseal: there is no command 'sing'; see `twinseal --help`\n");
  EXPECT_EQ(Twinseal({"key", "mke"}).err,
            "twinseal: key: there is no command 'mke'; see `twinseal key --help`\n");
  EXPECT_EQ(Twinseal({"status", "--colour"}).status, ExitStatus::kWrongUsage);
  EXPECT_EQ(Twinseal({"status", "extra"}).status, ExitStatus::kWrongUsage);
  EXPECT_EQ(Twinseal({"--timeout", "0", "status"}).status, ExitStatus::kWrongUsage);
}

TEST_F(Program, HelpIsForEachCommandAndShowsExamples) {
  const Outcome root = Twinseal({"--help"});
  EXPECT_EQ(root.status, ExitStatus::kDone);
  for (const char* command : {"status", "key", "sign", "verify", "audit", "client", "appliance",
                              "completion", "version"}) {
    EXPECT_THAT(root.out, HasSubstr(command));
  }
  const Outcome sign = Twinseal({"sign", "--help"});
  EXPECT_EQ(sign.status, ExitStatus::kDone);
  EXPECT_THAT(sign.out,
              HasSubstr("twinseal sign --key code-signing --in release.tar --out release.sig"));
  EXPECT_EQ(Twinseal({"key", "create", "--help"}).status, ExitStatus::kDone);
}

TEST_F(Program, VersionNeedsNoConfiguration) {
  environment.clear();
  const Outcome outcome = Twinseal({"version"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::MatchesRegex("twinseal [0-9]+\\.[0-9]+\\.[0-9]+\n"));
}

TEST_F(Program, AMissingConfigurationIsExplained) {
  environment = {{"HOME", "/nowhere"}, {"TWINSEAL_CA", "ca.pem"}};
  const Outcome outcome = Twinseal({"status"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err,
            "twinseal: asking for the status: the configuration lacks TWINSEAL_ENDPOINTS, "
            "TWINSEAL_CERTIFICATE, "
            "TWINSEAL_KEY; set them in the environment, or endpoints, certificate, key and ca in "
            "/nowhere/.config/twinseal/config.toml\n");
}

TEST_F(Program, TheConfigurationComesFromAFileWhereTheEnvironmentIsSilent) {
  environment = {{"TWINSEAL_CA", "other-ca.pem"}};
  const std::string file = File("config.toml",
                                "# The pair.\n"
                                "endpoints = [\"https://a.example:1/\", \"https://b.example:2\"]\n"
                                "certificate = \"/c/me.pem\"\n"
                                "key = \"/c/me.key\"\n"
                                "ca = \"/c/ca.pem\"\n");
  Twinseal({"key", "list", "--config", file, "--timeout", "7"});
  EXPECT_THAT(last_config.endpoints,
              ::testing::ElementsAre("https://a.example:1", "https://b.example:2"));
  EXPECT_EQ(last_config.certificate, "/c/me.pem");
  EXPECT_EQ(last_config.key, "/c/me.key");
  EXPECT_EQ(last_config.ca, "other-ca.pem");
  EXPECT_EQ(last_config.timeout, std::chrono::seconds(7));
}

TEST_F(Program, TheDefaultFileIsReadWhenItIsThere) {
  environment = {{"XDG_CONFIG_HOME", Path("config")}};
  std::filesystem::create_directories(Path("config/twinseal"));
  File("config/twinseal/config.toml",
       "endpoints = \"https://a.example:1, https://b.example:2\"\ncertificate = 'c'\nkey = 'k'\nca "
       "= 'a'\n");
  Twinseal({"status"});
  EXPECT_THAT(last_config.endpoints,
              ::testing::ElementsAre("https://a.example:1", "https://b.example:2"));
  EXPECT_EQ(last_config.ca, "a");
}

TEST_F(Program, AWrongConfigurationIsNamed) {
  environment.clear();
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"endpoint = \"https://a\"\n",
       "there is no setting 'endpoint'; there are endpoints, certificate, key, ca, agent "
       "and proxy"},
      {"endpoints = \"http://a:1\"\ncertificate='c'\nkey='k'\nca='a'\n",
       "'http://a:1' is no endpoint; write https://HOST:PORT"},
      {"endpoints = \"https://a:1/path\"\ncertificate='c'\nkey='k'\nca='a'\n", "is no endpoint"},
      {"endpoints = \",\"\ncertificate='c'\nkey='k'\nca='a'\n", "names no endpoint"},
      {std::string(70'000, '#'), "is longer than 65536 bytes"}};
  for (const auto& [content, message] : cases) {
    const Outcome outcome = Twinseal({"--config", File("config.toml", content), "status"});
    EXPECT_EQ(outcome.status, ExitStatus::kFailed);
    EXPECT_THAT(outcome.err, HasSubstr(message));
  }
  EXPECT_THAT(Twinseal({"--config", Path("missing.toml"), "status"}).err,
              HasSubstr("missing.toml cannot be read: No such file or directory"));
}

TEST_F(Program, AnOutputThatCannotBeWrittenFails) {
  std::ofstream full("/dev/full");
  std::ostringstream err;
  const Surroundings surroundings{.out = full, .err = err, .environment = [](const std::string&) {
                                    return std::optional<std::string>();
                                  }};
  const ExitStatus status =
      cli::Run({"version"}, surroundings, [](const Config&) -> Result<std::unique_ptr<Remote>> {
        return Error(Code::kInternal, "not to be called");
      });
  EXPECT_EQ(status, ExitStatus::kFailed);
  EXPECT_EQ(err.str(),
            "twinseal: printing the version: the standard output cannot be written: No space left "
            "on device; what was asked "
            "may have been done\n");
}

TEST_F(Program, AdviceIsGivenWhereTheApplianceGaveNone) {
  appliances.Break(0, Error(Code::kPermissionDenied, "auditor/eve may not call it."));
  EXPECT_EQ(Twinseal({"key", "show", "k"}).err,
            "twinseal: showing key k: auditor/eve may not call it; ask an operator\n");
  appliances.Break(0, Error(Code::kPermissionDenied, "not you; ask Bob"));
  EXPECT_EQ(Twinseal({"key", "show", "k"}).err, "twinseal: showing key k: not you; ask Bob\n");
}

}  // namespace
}  // namespace twinseal::cli
