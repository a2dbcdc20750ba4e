// `twinseal pair create` and `twinseal pair replace`, on the agent's host.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"
#include "agent/cli/commands/pair.h"
#include "agent/cli/config.h"
#include "agent/cli/json.h"
#include "agent/cli/pair/ceremony.h"
#include "agent/cli/program.h"
#include "agent/cli/service_config.h"
#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

struct CeremonyOptions {
  std::string agent_config = kAgentConfig;
  CeremonyPlan plan{.joiner_endpoint = {}, .replaces = {}, .confirm_within = std::chrono::hours(1)};
  OutputForm form = OutputForm::kTable;
};

void PrintPair(std::ostream& out, const v1::CeremonyState& state, OutputForm form) {
  const v1::PairConfig& config = state.conclusion().config();
  if (form == OutputForm::kJson) {
    JsonWriter json(out);
    json.BeginObject().Key("pairingId").String(state.pairing_id());
    json.Key("holder").String(state.holder()).Key("joiner").String(state.joiner());
    json.Key("code").String(state.code()).Key("config").Message(config).EndObject().Finish();
    return;
  }
  out << fmt::format("Sites {} and {} are a pair: domain {}.\n", Printable(state.holder()),
                     Printable(state.joiner()), Printable(config.domain_id()));
  std::string endpoints;
  for (const v1::Place& place : config.places()) {
    if (!place.witness()) endpoints += (endpoints.empty() ? "" : ",") + place.api();
  }
  out << fmt::format("Next:\n  export TWINSEAL_ENDPOINTS={}\n  twinseal status\n",
                     Printable(endpoints));
}

Status Perform(Context& context, const CeremonyOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const AgentSettings agent, ReadAgentSettings(options.agent_config));
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  const std::string& joiner_endpoint = options.plan.joiner_endpoint;
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<Remote> stranger,
                            context.ConnectTo(joiner_endpoint, true));
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<Remote> joiner,
                            context.ConnectTo(joiner_endpoint));
  TWINSEAL_ASSIGN_OR_RETURN(const CeremonyFile file, CeremonyFile::Open(agent.data_dir));

  const Surroundings& surroundings = context.surroundings();
  std::ostream& say = options.form == OutputForm::kJson ? surroundings.err : surroundings.out;
  Ceremony ceremony(file, agent, {*sites, *stranger, *joiner}, surroundings, say);
  const Status done = ceremony.Run(options.plan);
  if (!done.ok()) {
    if (!ceremony.state().joiner().empty()) {
      surroundings.err << "The ceremony stays as it is: the same command goes on with it, "
                          "`twinseal pair abort` undoes it.\n";
    }
    return done.error();
  }
  PrintPair(context.out(), ceremony.state(), options.form);
  return Ok();
}

void AddCeremonyOptions(CLI::App& app, CeremonyOptions& options) {
  AddParsed(app, "--joiner", options.plan.joiner_endpoint, ParseEndpoint,
            "Where the appliance serves that was set up with `appliance init --join`")
      ->type_name("https://HOST:PORT")
      ->required();
  AddAgentConfig(app, options.agent_config);
  AddDuration(app, "--confirm-within", options.plan.confirm_within,
              "How long the operators have, as 30m or 2h (default 1h)");
  AddOutput(app, options.form);
}

void AddCreate(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<CeremonyOptions>();
  CLI::App* const app = group.add_subcommand(
      "create", "Join two appliances and this agent into a pair; run it on the agent's host");
  AddCeremonyOptions(*app, *options);
  app->add_flag("--forget-pair", options->plan.forget_pair,
                "The pair that this agent was the witness of is over; forget it");
  app->footer(
      "The configuration (TWINSEAL_ENDPOINTS and so on) is that of the appliance whose domain it "
      "is.\n"
      "Interrupted, the same command goes on; `twinseal pair abort` undoes it.\n"
      "Example: twinseal pair create --joiner https://b.sign.example.com:8443");
  app->callback([options, &commands] {
    commands.Select({"pairing with " + Printable(options->plan.joiner_endpoint),
                     [options](Context& context) { return Perform(context, *options); }});
  });
}

void AddReplace(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<CeremonyOptions>();
  CLI::App* const app = group.add_subcommand(
      "replace", "Put a new appliance into a lost one's place; the lost one never comes back");
  AddSite(*app, options->plan.replaces, "The lost site")->required();
  AddCeremonyOptions(*app, *options);
  app->footer(
      "The new appliance has the lost site's name (site in its twinseald.conf).\n"
      "Example: twinseal pair replace b --joiner https://b2.sign.example.com:8443");
  app->callback([options, &commands] {
    commands.Select({"replacing site " + Printable(options->plan.replaces),
                     [options](Context& context) { return Perform(context, *options); }});
  });
}

}  // namespace

void AddPairCeremony(CLI::App& group, Commands& commands) {
  AddCreate(group, commands);
  AddReplace(group, commands);
}

}  // namespace twinseal::cli
