// `twinseal pair abort`: undoes a ceremony that is not concluded.
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"
#include "agent/cli/commands/pair.h"
#include "agent/cli/config.h"
#include "agent/cli/json.h"
#include "agent/cli/pair/ceremony.h"
#include "agent/cli/pair/endpoints.h"
#include "agent/cli/pair/witness.h"
#include "agent/cli/program.h"
#include "agent/cli/service_config.h"
#include "agent/cli/text.h"
#include "common/base/types.h"

namespace twinseal::cli {
namespace {

struct AbortOptions {
  std::string agent_config = kAgentConfig;
  std::string joiner_endpoint;
  bool without_joiner = false;
  OutputForm form = OutputForm::kTable;
};

// What the agent's folder knows of the ceremony; nothing on a host that has no agent.
struct Driver {
  AgentSettings agent;
  CeremonyFile file;
  std::optional<v1::CeremonyState> state;
};

Result<std::optional<Driver>> OpenDriver(const std::string& agent_config) {
  Result<AgentSettings> agent = ReadAgentSettings(agent_config);
  if (!agent.ok()) {
    if (agent.error().code() == Code::kNotFound) return std::optional<Driver>();
    return agent.error();
  }
  TWINSEAL_ASSIGN_OR_RETURN(CeremonyFile file, CeremonyFile::Open(agent->data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<v1::CeremonyState> state, file.Load());
  return std::optional(Driver{std::move(agent).value(), std::move(file), std::move(state)});
}

// The ceremony as the holder tells it, where the agent's folder does not.
Result<v1::CeremonyState> AskHolderForCeremony(Remote& sites) {
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint holder, FirstSite(sites, ""));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse seen, GetPair(sites, holder.endpoint));
  if (seen.pairing_id().empty()) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("no ceremony is under way at site {}; there is nothing to undo",
                             Printable(holder.site)));
  }
  v1::CeremonyState state;
  state.set_id(KeyId::Random().Hex());
  state.set_holder(holder.site);
  state.set_pairing_id(seen.pairing_id());
  return state;
}

v1::AbortPairingRequest AbortRequest(const v1::CeremonyState& state) {
  v1::AbortPairingRequest request;
  request.set_request_id(CeremonyRequestId(state, "abort"));
  request.set_pairing_id(state.pairing_id());
  return request;
}

Status AbortAtHolder(Remote& sites, const v1::CeremonyState& state) {
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint holder, FindSite(sites, state.holder()));
  v1::AbortPairingResponse response;
  const Status aborted =
      sites.CallAt(holder.endpoint, "PairingService/AbortPairing", AbortRequest(state), response);
  if (aborted.ok()) return Ok();
  return aborted.error().Within(fmt::format("at site {}", Printable(state.holder())));
}

Status AbortAtJoiner(Context& context, const std::string& endpoint,
                     const v1::CeremonyState& state) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<Remote> stranger,
                            context.ConnectTo(endpoint, true));
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<Remote> joiner, context.ConnectTo(endpoint));
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  v1::AbortPairingResponse response;
  const Status aborted = AskJoiner({*sites, *stranger, *joiner}, "PairingService/AbortPairing",
                                   AbortRequest(state), response);
  if (aborted.ok()) return Ok();
  return aborted.error().Within(fmt::format(
      "the holder has forgotten the ceremony, but at the joiner ({})", Printable(endpoint)));
}

void PrintAborted(std::ostream& out, const v1::CeremonyState& state, bool at_joiner,
                  OutputForm form) {
  if (form == OutputForm::kJson) {
    JsonWriter(out)
        .BeginObject()
        .Key("pairingId")
        .String(state.pairing_id())
        .Key("holder")
        .String(state.holder())
        .Key("undoneAtJoiner")
        .Bool(at_joiner)
        .EndObject()
        .Finish();
    return;
  }
  out << fmt::format("The ceremony is undone; site {} is as it was before.\n",
                     Printable(state.holder()));
  if (!at_joiner) {
    out << "The joiner was not asked: it forgets the ceremony when another begins, or when it is "
           "asked: `twinseal pair abort --joiner https://HOST:PORT`.\n";
  }
}

// The holder's answer to the first step may have been lost.
Status LearnPairing(Remote& sites, v1::CeremonyState& state) {
  if (!state.pairing_id().empty()) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint holder, FindSite(sites, state.holder()));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse seen, GetPair(sites, holder.endpoint));
  state.set_pairing_id(seen.pairing_id());
  return Ok();
}

Status Abort(Context& context, const AbortOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<Driver> driver, OpenDriver(options.agent_config));
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  v1::CeremonyState state;
  if (driver && driver->state) {
    state = *driver->state;
    TWINSEAL_RETURN_IF_ERROR(LearnPairing(*sites, state));
  } else {
    TWINSEAL_ASSIGN_OR_RETURN(state, AskHolderForCeremony(*sites));
  }
  if (state.has_conclusion()) {
    return Error(Code::kFailedPrecondition,
                 "it is concluded already; `twinseal pair create` with the same joiner waits for "
                 "its end, and `twinseal pair leave` takes a pair apart");
  }
  const std::string& endpoint =
      options.joiner_endpoint.empty() ? state.joiner_endpoint() : options.joiner_endpoint;
  const bool at_joiner = !endpoint.empty() && !options.without_joiner;
  // Without an offer neither site has heard of it.
  if (!state.pairing_id().empty()) {
    // The holder first: once it has forgotten, nothing can be concluded any more.
    TWINSEAL_RETURN_IF_ERROR(AbortAtHolder(*sites, state));
    if (at_joiner) TWINSEAL_RETURN_IF_ERROR(AbortAtJoiner(context, endpoint, state));
  }
  if (driver && driver->state) {
    if (state.made_witness()) TWINSEAL_RETURN_IF_ERROR(WitnessFiles(driver->agent).Remove());
    TWINSEAL_RETURN_IF_ERROR(driver->file.Remove());
  }
  PrintAborted(context.out(), state, at_joiner, options.form);
  return Ok();
}

}  // namespace

void AddPairAbort(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<AbortOptions>();
  CLI::App* const app =
      group.add_subcommand("abort", "Undo a ceremony that is not concluded, at both sites");
  AddAgentConfig(*app, options->agent_config);
  CLI::Option* const joiner =
      AddParsed(*app, "--joiner", options->joiner_endpoint, ParseEndpoint,
                "Where the joiner serves (default as `pair create` was told on this host)")
          ->type_name("https://HOST:PORT");
  app->add_flag("--without-joiner", options->without_joiner,
                "Do not ask the joiner, which is not there any more")
      ->excludes(joiner);
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select(
        {"undoing the ceremony", [options](Context& context) { return Abort(context, *options); }});
  });
}

}  // namespace twinseal::cli
