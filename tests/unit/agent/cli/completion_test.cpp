#include <array>
#include <cstdio>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>
#include <sys/stat.h>

#include "agent/cli/commands/commands.h"
#include "tests/unit/agent/cli/cli_fixture.h"

namespace twinseal::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class Completion : public CliTest {
 protected:
  Completion() {
    const Outcome outcome = Twinseal({"completion", "bash"});
    EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
    script_ = File("script", outcome.out);
    // What the script calls to learn the names of keys.
    File("twinseal",
         "#!/bin/sh\n[ \"$*\" = 'key list --names' ] && printf 'release\\nnightly\\n'\n");
    chmod(Path("twinseal").c_str(), 0700);
  }

  // What bash offers after these words, the last of which is being typed.
  std::vector<std::string> Complete(const std::vector<std::string>& words) {
    std::string command = "cd '" + Path("") + "' && . ./script && COMP_WORDS=(./twinseal";
    for (const std::string& word : words) command += " '" + word + "'";
    command += ") && COMP_CWORD=" + std::to_string(words.size()) +
               " && compopt() { :; } && _twinseal && printf '%s\\n' \"${COMPREPLY[@]}\"";
    File("command", command);
    FILE* const pipe = popen(("bash '" + Path("command") + "' 2>&1").c_str(), "r");
    std::string output;
    std::array<char, 256> buffer{};
    while (std::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr)
      output += buffer.data();
    EXPECT_EQ(pclose(pipe), 0) << output;
    std::vector<std::string> lines;
    std::istringstream stream(output);
    for (std::string line; std::getline(stream, line);) {
      if (!line.empty()) lines.push_back(line);
    }
    return lines;
  }

 private:
  std::string script_;
};

TEST_F(Completion, OffersCommands) {
  EXPECT_THAT(Complete({""}), UnorderedElementsAre("status", "key", "certificate", "sign", "verify",
                                                   "audit", "client", "appliance", "pair",
                                                   "maintenance", "completion", "version"));
  EXPECT_THAT(Complete({"st"}), ElementsAre("status"));
  EXPECT_THAT(Complete({"key", ""}),
              UnorderedElementsAre("create", "list", "show", "public", "rotate", "enable",
                                   "disable", "policy", "destroy", "cancel-destruction"));
  EXPECT_THAT(Complete({"key", "policy", ""}), UnorderedElementsAre("show", "set"));
  EXPECT_THAT(Complete({"completion", ""}), ElementsAre("bash"));
}

TEST_F(Completion, OffersOptionsAndTheirWords) {
  EXPECT_THAT(Complete({"key", "create", "--al"}), ElementsAre("--algorithm"));
  EXPECT_THAT(Complete({"key", "create", "--algorithm", "ec-"}),
              ElementsAre("ec-p256", "ec-p384", "ec-p521"));
  EXPECT_THAT(Complete({"status", "--output", ""}), ElementsAre("table", "json"));
  EXPECT_THAT(Complete({"client", "issue", "x", "--role", "a"}),
              UnorderedElementsAre("auditor", "application", "agent"));
  EXPECT_THAT(Complete({"sign", "--ti"}), ElementsAre("--timeout"));
}

TEST_F(Completion, OffersKeysAndFiles) {
  EXPECT_THAT(Complete({"sign", "--key", ""}), ElementsAre("release", "nightly"));
  EXPECT_THAT(Complete({"key", "show", "n"}), ElementsAre("nightly"));
  EXPECT_THAT(Complete({"key", "destroy", "--wait", "30d", ""}), ElementsAre("release", "nightly"));
  EXPECT_THAT(Complete({"sign", "--in", "scr"}), ElementsAre("script"));
  EXPECT_THAT(Complete({"--config", "scr"}), ElementsAre("script"));
  EXPECT_THAT(Complete({"key", "create", "new-key", "--application", ""}), IsEmpty());
}

TEST_F(Completion, AnOptionsValueIsNoCommand) {
  EXPECT_THAT(Complete({"sign", "--key", "key", "--scheme", "ecdsa-sha2"}),
              ElementsAre("ecdsa-sha256"));
}

void CollectPaths(const CLI::App& app, const std::vector<std::string>& path,
                  std::vector<std::vector<std::string>>& all) {
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; })) {
    std::vector<std::string> longer = path;
    longer.push_back(child->get_name());
    all.push_back(longer);
    CollectPaths(*child, longer, all);
  }
}

TEST_F(Completion, KnowsEveryCommandThereIs) {
  CLI::App root;
  Commands commands;
  AddAllCommands(root, commands);
  std::vector<std::vector<std::string>> all;
  CollectPaths(root, {}, all);
  EXPECT_GT(all.size(), 20U);
  for (std::vector<std::string> path : all) {
    const std::string last = path.back();
    EXPECT_THAT(Complete(path), Contains(last));
    path.emplace_back("--hel");
    EXPECT_THAT(Complete(path), ElementsAre("--help"));
  }
}

}  // namespace
}  // namespace twinseal::cli
