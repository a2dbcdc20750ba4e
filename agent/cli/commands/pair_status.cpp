// `twinseal pair status`: how far each site is, and who belongs to the pair.
#include <memory>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"
#include "agent/cli/commands/pair.h"
#include "agent/cli/config.h"
#include "agent/cli/json.h"
#include "agent/cli/pair/ceremony.h"
#include "agent/cli/pair/ceremony_words.h"
#include "agent/cli/pair/endpoints.h"
#include "agent/cli/program.h"
#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"

namespace twinseal::cli {
namespace {

struct PairStatusOptions {
  std::string joiner_endpoint;
  OutputForm form = OutputForm::kTable;
};

struct PairAnswer {
  std::string endpoint;
  Result<v1::GetPairResponse> pair;
};

Result<v1::GetPairResponse> GetPairOfJoiner(Context& context, Remote& sites,
                                            const std::string& endpoint) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<Remote> stranger,
                            context.ConnectTo(endpoint, true));
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<Remote> joiner, context.ConnectTo(endpoint));
  return LookAtJoiner({sites, *stranger, *joiner});
}

void PrintPlaces(std::ostream& out, const v1::PairConfig& config) {
  out << fmt::format(
      "\nDomain {}, epoch {}{}\n", Printable(config.domain_id()), config.epoch(),
      config.fenced().empty()
          ? ""
          : fmt::format(", {} shut out",
                        Count(static_cast<std::uint64_t>(config.fenced_size()), "lost appliance")));
  Table places({"PLACE", "ROLE", "API", "LEDGER MEMBER", "IDENTITY (SHA-256)"});
  for (const v1::Place& place : config.places()) {
    places.Add({place.name(), place.witness() ? "witness" : "site", place.api(), place.peer(),
                place.witness() ? "" : IdentityFingerprint(place)});
  }
  places.Print(out);
}

void PrintTable(std::ostream& out, const std::vector<PairAnswer>& answers) {
  Table table({"SITE", "ENDPOINT", "PHASE", "CODE", "DETAIL"});
  const v1::PairConfig* config = nullptr;
  for (const PairAnswer& answer : answers) {
    if (!answer.pair.ok()) {
      table.Add({"", answer.endpoint, "cannot be asked", "", answer.pair.error().message()});
      continue;
    }
    const v1::GetPairResponse& pair = *answer.pair;
    // Nobody has to compare the code any more once the pair is there.
    table.Add({pair.site(), answer.endpoint, pair.phase(),
               pair.phase() == "paired" ? "" : pair.code(), pair.detail()});
    if (!pair.has_config()) continue;
    if (config == nullptr || pair.config().epoch() > config->epoch()) config = &pair.config();
  }
  table.Print(out);
  if (config != nullptr) PrintPlaces(out, *config);
}

void PrintJson(std::ostream& out, const std::vector<PairAnswer>& answers) {
  JsonWriter json(out);
  json.BeginObject().Key("sites").BeginArray();
  for (const PairAnswer& answer : answers) {
    json.BeginObject().Key("endpoint").String(answer.endpoint).Key("error");
    answer.pair.ok() ? json.Null() : json.String(answer.pair.error().message());
    json.Key("pair");
    answer.pair.ok() ? json.Message(*answer.pair) : json.Null();
    json.EndObject();
  }
  json.EndArray().EndObject().Finish();
}

Status ShowPair(Context& context, const PairStatusOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  std::vector<PairAnswer> answers;
  for (std::size_t i = 0; i < sites->endpoints().size(); ++i) {
    answers.push_back({sites->endpoints()[i], GetPair(*sites, i)});
  }
  if (!options.joiner_endpoint.empty()) {
    answers.push_back(
        {options.joiner_endpoint, GetPairOfJoiner(context, *sites, options.joiner_endpoint)});
  }
  options.form == OutputForm::kJson ? PrintJson(context.out(), answers)
                                    : PrintTable(context.out(), answers);
  for (const PairAnswer& answer : answers) {
    if (answer.pair.ok()) return Ok();
  }
  return answers.front().pair.error();
}

}  // namespace

void AddPairStatus(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<PairStatusOptions>();
  CLI::App* const app = group.add_subcommand(
      "status", "Show how far pairing is at each site, and who belongs to the pair");
  AddParsed(*app, "--joiner", options->joiner_endpoint, ParseEndpoint,
            "Ask the appliance too that is yet to join, where it serves")
      ->type_name("https://HOST:PORT");
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select({"asking for the pair",
                     [options](Context& context) { return ShowPair(context, *options); }});
  });
}

}  // namespace twinseal::cli
