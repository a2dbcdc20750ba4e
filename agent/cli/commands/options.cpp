#include "agent/cli/commands/options.h"

#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "common/base/types.h"
#include "common/crypto/algorithms.h"

namespace twinseal::cli {
namespace {

template <typename Table>
std::string Words(const Table& table) {
  std::string words;
  for (const auto& row : table) words += (words.empty() ? "" : "|") + std::string(row.name);
  return words;
}

// Whether a name is well-formed is the appliance's to say, in its words; but an empty one would be
// left out of the request, and one that is not UTF-8 cannot be in it.
CLI::Validator Sendable() {
  return {[](std::string& text) -> std::string {
            if (text.empty()) return "is empty";
            return text == ReplaceInvalidUtf8(text) ? "" : "is not UTF-8";
          },
          ""};
}

}  // namespace

CLI::Option* AddOutput(CLI::App& app, OutputForm& form) {
  return AddParsed(
             app, "--output", form,
             [](const std::string& word) -> Result<OutputForm> {
               if (word == "table") return OutputForm::kTable;
               if (word == "json") return OutputForm::kJson;
               return Error(Code::kInvalidArgument, "there are table and json");
             },
             "How to print the result (default table)")
      ->type_name("table|json");
}

CLI::Option* AddRequestId(CLI::App& app, std::string& id) {
  id = RequestId::Random().text();
  return AddParsed(
             app, "--request-id", id,
             [](const std::string& text) -> Result<std::string> {
               TWINSEAL_ASSIGN_OR_RETURN(const RequestId parsed, RequestId::Parse(text));
               return parsed.text();
             },
             "Repeat a request: the same id (8 to 64 characters) gives the same result and does "
             "nothing twice")
      ->type_name("ID");
}

CLI::Option* AddKeyName(CLI::App& app, std::string& key, const std::string& name) {
  return app.add_option(name, key, "The key's name or id")
      ->type_name(kKeyType)
      ->required()
      ->check(Sendable());
}

CLI::Option* AddAlgorithm(CLI::App& app, v1::Algorithm& algorithm) {
  return AddParsed(app, "--algorithm", algorithm, crypto::ParseAlgorithm, "What kind of key")
      ->type_name(AlgorithmWords());
}

CLI::Option* AddScheme(CLI::App& app, v1::Scheme& scheme, const std::string& description) {
  return AddParsed(app, "--scheme", scheme, crypto::ParseScheme, description)
      ->type_name(SchemeWords());
}

CLI::Option* AddDuration(CLI::App& app, const std::string& name, std::chrono::seconds& duration,
                         const std::string& description) {
  return AddParsed(app, name, duration, ParseDuration, description)->type_name("TIME");
}

CLI::Option* AddSite(CLI::App& app, std::string& site, const std::string& description) {
  return AddParsed(app, "SITE", site, ParseSite, description)->type_name("");
}

Result<std::string> ParseSite(const std::string& text) {
  TWINSEAL_ASSIGN_OR_RETURN(const SiteName name, SiteName::Parse(text));
  return name.text();
}

CLI::Option* AddAgentConfig(CLI::App& app, std::string& path) {
  return app
      .add_option("--agent-config", path,
                  "twinseal-agent's configuration (default /etc/twinseal/agent.conf)")
      ->type_name(kFileType);
}

Result<std::string> ParseText(const std::string& text) {
  if (text != ReplaceInvalidUtf8(text)) return Error(Code::kInvalidArgument, "is not UTF-8");
  return text;
}

std::string AlgorithmWords() { return Words(crypto::Algorithms()); }
std::string SchemeWords() { return Words(crypto::Schemes()); }

}  // namespace twinseal::cli
