#include "agent/cli/commands/options.h"

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

// Long names are the appliance's to refuse, in its words; an empty one would name the listing.
const CLI::Validator& NotEmpty() {
  static const CLI::Validator validator(
      [](std::string& text) { return text.empty() ? std::string("is empty") : std::string(); }, "");
  return validator;
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
             "Repeat a request: the same id gives the same result and does nothing twice")
      ->type_name("ID");
}

CLI::Option* AddKeyName(CLI::App& app, std::string& key, const std::string& name) {
  return app.add_option(name, key, "The key's name or id")
      ->type_name(kKeyType)
      ->required()
      ->check(NotEmpty());
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

std::string AlgorithmWords() { return Words(crypto::Algorithms()); }
std::string SchemeWords() { return Words(crypto::Schemes()); }

}  // namespace twinseal::cli
