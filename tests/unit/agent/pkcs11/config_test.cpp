// pkcs11.conf: what is read, and what is refused in which words.
#include "agent/pkcs11/config.h"

#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "tests/support/pkcs11/client_files.h"
#include "tests/support/results.h"

namespace twinseal::pkcs11 {
namespace {

using test::FailsWith;

constexpr const char* kWhole = R"(
endpoints = ["https://a.example:8443", "https://b.example:8443"]
certificate = "/etc/twinseal/client.pem"
key = "/etc/twinseal/client.key"
ca = "/etc/twinseal/ca.pem"
proxy = "http://proxy.example:3128"
label = "Signing"
timeout = 7
log = "/var/log/twinseal-pkcs11.log"

[sites]
a = "https://a.example:8443"
b = "https://b.example:8443"
)";
constexpr const char* kNeeded =
    "endpoints = [\"https://a.example:8443\"]\ncertificate = \"c\"\nkey = \"k\"\nca = \"ca\"\n";

class ConfigTest : public testing::Test {
 protected:
  Result<Config> Read(const std::string& text) {
    files_.Write("pkcs11.conf", text);
    return ReadConfig(files_.Path("pkcs11.conf"));
  }

  test::TestCa ca_;
  test::ClientFiles files_{ca_};
};

TEST_F(ConfigTest, AllSettings) {
  const Result<Config> config = Read(kWhole);
  ASSERT_THAT(config, test::Succeeds());
  EXPECT_THAT(config->endpoints,
              testing::ElementsAre("https://a.example:8443", "https://b.example:8443"));
  EXPECT_EQ(config->certificate, "/etc/twinseal/client.pem");
  EXPECT_EQ(config->key, "/etc/twinseal/client.key");
  EXPECT_EQ(config->ca, "/etc/twinseal/ca.pem");
  EXPECT_EQ(config->proxy, "http://proxy.example:3128");
  EXPECT_EQ(config->label, "Signing");
  EXPECT_EQ(config->timeout, std::chrono::seconds(7));
  EXPECT_EQ(config->log, "/var/log/twinseal-pkcs11.log");
  EXPECT_EQ(config->sites, (std::map<std::string, std::string>{{"a", "https://a.example:8443"},
                                                               {"b", "https://b.example:8443"}}));
}

TEST_F(ConfigTest, OnlyWhatIsNeeded) {
  const Result<Config> config = Read(kNeeded);
  ASSERT_THAT(config, test::Succeeds());
  EXPECT_EQ(config->label, "Twinseal");
  EXPECT_EQ(config->timeout, std::chrono::seconds(10));
  EXPECT_TRUE(config->proxy.empty() && config->log.empty() && config->sites.empty());
}

TEST_F(ConfigTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(Read(""), FailsWith(Code::kInvalidArgument, "it lacks endpoints"));
  EXPECT_THAT(Read("endpoints = [\"https://a:1\"]"),
              FailsWith(Code::kInvalidArgument, "it lacks certificate"));
  EXPECT_THAT(Read("endpoints = [\"https://a:1\"]\ncertificate = \"c\""),
              FailsWith(Code::kInvalidArgument, "it lacks key"));
  EXPECT_THAT(Read("endpoints = [\"https://a:1\"]\ncertificate = \"c\"\nkey = \"k\""),
              FailsWith(Code::kInvalidArgument, "it lacks ca"));
}

TEST_F(ConfigTest, WhatIsWrongIsNamed) {
  const std::map<std::string, std::string> wrong = {
      {"pin = \"1234\"", "there is no setting 'pin'"},
      {"timeout = 0", "timeout takes seconds"},
      {"timeout = 3601", "timeout takes seconds"},
      {"timeout = \"soon\"", "timeout takes seconds"},
      {"timeout = 1.5", "timeout takes seconds"},
      {"timeout = [1, 2]", "timeout takes one text"},
      {"label = \"\"", "label takes one text"},
      {"label = \"a label that is longer than a token's\"", "a token's label has at most 32"},
      {"log = [\"a\", \"b\"]", "log takes one text"},
      {"[sites]\na = [\"x\", \"y\"]", "sites.a takes one text"},
      {"[sites]\na-site-with-a-long-name-of-many-letters = \"https://a:1\"", "at most 32"},
      {"[others]\na = \"x\"", "there is no setting 'others"},
  };
  for (const auto& [line, words] : wrong)
    EXPECT_THAT(Read(kNeeded + line + "\n"), FailsWith(Code::kInvalidArgument, words)) << line;
}

TEST_F(ConfigTest, TheFileIsNamed) {
  EXPECT_THAT(Read("pin = 1"),
              FailsWith(Code::kInvalidArgument, files_.Path("pkcs11.conf").c_str()));
  EXPECT_THAT(ReadConfig(files_.Path("none")),
              FailsWith(Code::kNotFound, files_.Path("none").c_str()));
  EXPECT_FALSE(ReadConfig(files_.Path("")).ok());
}

class FindConfigTest : public ConfigTest {
 protected:
  void Place(const std::string& folder) {
    std::filesystem::create_directories(files_.Path(folder + "/twinseal"));
    files_.Write(folder + "/twinseal/pkcs11.conf", kNeeded);
  }
  std::string In(const std::string& folder) {
    return files_.Path(folder + "/twinseal/pkcs11.conf");
  }
  // Nothing for what an administrator put on this machine.
  static std::optional<std::string> Find(const std::map<std::string, std::string>& environment) {
    auto found = FindConfig([&](const char* name) -> std::optional<std::string> {
      const auto value = environment.find(name);
      return value == environment.end() ? std::nullopt : std::optional(value->second);
    });
    if (found && found->starts_with("/etc/")) return std::nullopt;
    return found;
  }
};

TEST_F(FindConfigTest, TheEnvironmentComesFirst) {
  Place("xdg");
  EXPECT_EQ(Find({{"TWINSEAL_PKCS11_CONF", "/nowhere"}, {"XDG_CONFIG_HOME", files_.Path("xdg")}}),
            "/nowhere");
}

TEST_F(FindConfigTest, ThenTheUser) {
  Place("xdg");
  Place("home/.config");
  EXPECT_EQ(Find({{"TWINSEAL_PKCS11_CONF", ""},
                  {"XDG_CONFIG_HOME", files_.Path("xdg")},
                  {"HOME", files_.Path("home")}}),
            In("xdg"));
  EXPECT_EQ(Find({{"HOME", files_.Path("home")}}), In("home/.config"));
  // The XDG specification: a relative path is to be ignored.
  EXPECT_EQ(Find({{"XDG_CONFIG_HOME", "xdg"}, {"HOME", files_.Path("home")}}), In("home/.config"));
}

TEST_F(FindConfigTest, ThereMayBeNone) {
  EXPECT_EQ(Find({}), std::nullopt);
  EXPECT_EQ(Find({{"HOME", files_.Path("nobody")}}), std::nullopt);
}

}  // namespace
}  // namespace twinseal::pkcs11
