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

v1::AbortPairingRequest AbortRequest(const v1::CeremonyState& state) {
  v1::AbortPairingRequest request;
  request.set_request_id(CeremonyRequestId(state, "abort"));
  request.set_pairing_id(state.pairing_id());
  return request;
}

// Nothing when no ceremony is under way there. A site of a pair names the ceremony that it came by
// as well as one that replaces the other site: only who says which appliance is new means that one.
Result<std::optional<v1::CeremonyState>> CeremonyAtHolder(Remote& sites,
                                                          const AbortOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint holder, FirstSite(sites, ""));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse seen, GetPair(sites, holder.endpoint));
  if (seen.pairing_id().empty()) return std::optional<v1::CeremonyState>();
  if (seen.phase() == "paired" && options.joiner_endpoint.empty() && !options.without_joiner) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format("site {} belongs to a pair, whose pairing is concluded: `twinseal pair "
                    "leave` takes it apart; a replacement that was begun is undone by "
                    "naming the new appliance: --joiner https://HOST:PORT",
                    Printable(holder.site)));
  }
  v1::CeremonyState state;
  state.set_id(KeyId::Random().Hex());
  state.set_holder(holder.site);
  state.set_pairing_id(seen.pairing_id());
  return std::optional(std::move(state));
}

// The holder's answer to the first step may have been lost.
Status LearnPairing(Remote& sites, v1::CeremonyState& state) {
  if (!state.pairing_id().empty()) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint holder, FindSite(sites, state.holder()));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse seen, GetPair(sites, holder.endpoint));
  state.set_pairing_id(seen.pairing_id());
  return Ok();
}

Result<v1::SignedMessage> AbortAtHolder(Remote& sites, const v1::CeremonyState& state) {
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint holder, FindSite(sites, state.holder()));
  v1::AbortPairingResponse response;
  const Status aborted =
      sites.CallAt(holder.endpoint, "PairingService/AbortPairing", AbortRequest(state), response);
  if (aborted.ok()) return response.abandonment();
  return aborted.error().Within(fmt::format("at site {}", Printable(state.holder())));
}

// The appliance that is to join, asked in either of its two faces.
class AbortingJoiner {
 public:
  static Result<AbortingJoiner> Connect(Context& context, const std::string& endpoint) {
    AbortingJoiner joiner(endpoint);
    TWINSEAL_ASSIGN_OR_RETURN(joiner.stranger_, context.ConnectTo(endpoint, true));
    TWINSEAL_ASSIGN_OR_RETURN(joiner.known_, context.ConnectTo(endpoint));
    TWINSEAL_ASSIGN_OR_RETURN(joiner.sites_, context.remote());
    return joiner;
  }

  Result<v1::GetPairResponse> Look() {
    Result<v1::GetPairResponse> seen = LookAtJoiner(parties());
    if (!seen.ok()) return Here(seen.error());
    if (seen->phase() != "paired") return seen;
    return Here(Error(Code::kFailedPrecondition,
                      "it belongs to the pair already: the pairing is concluded; `twinseal pair "
                      "leave` takes a pair apart"));
  }

  // `holders_word` for one that has accepted the domain; else it is empty.
  Status Abort(const v1::CeremonyState& state, const v1::SignedMessage& holders_word) {
    v1::AbortPairingRequest request = AbortRequest(state);
    if (!holders_word.body().empty()) *request.mutable_abandonment() = holders_word;
    v1::AbortPairingResponse response;
    const Status aborted = AskJoiner(parties(), "PairingService/AbortPairing", request, response);
    return aborted.ok() ? Ok() : Status(Here(aborted.error()));
  }

 private:
  explicit AbortingJoiner(std::string endpoint) : endpoint_(std::move(endpoint)) {}

  Parties parties() { return {*sites_, *stranger_, *known_}; }
  Error Here(const Error& error) const {
    return error.Within(fmt::format("at the joiner ({})", Printable(endpoint_)));
  }

  std::string endpoint_;
  std::unique_ptr<Remote> stranger_;
  std::unique_ptr<Remote> known_;
  Remote* sites_ = nullptr;
};

// The joiner first: what refuses to be undone is found out before anything is undone. Whoever goes
// on with the ceremony afterwards has to ask the joiner again, and finds that it has forgotten. One
// that has accepted the domain comes last: only when the holder has forgotten can nobody conclude
// any more. `named` when the user says which appliance it is: then whatever it has answered is
// undone.
Status AbortBoth(Context& context, const std::string& endpoint, bool named,
                 v1::CeremonyState& state) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(AbortingJoiner joiner, AbortingJoiner::Connect(context, endpoint));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse seen, joiner.Look());
  // It has heard of none, or of another one, which is not this command's.
  const bool concerned =
      !seen.pairing_id().empty() && (named || seen.pairing_id() == state.pairing_id());
  const bool accepted = concerned && seen.phase() == "accepted";
  v1::CeremonyState at_joiner = state;
  if (concerned) at_joiner.set_pairing_id(seen.pairing_id());
  if (concerned && !accepted) TWINSEAL_RETURN_IF_ERROR(joiner.Abort(at_joiner, {}));
  if (accepted && at_joiner.holder().empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint holder, FirstSite(*sites, seen.site()));
    at_joiner.set_holder(holder.site);
  }
  // Without an offer the holder has not heard of it.
  const v1::CeremonyState& at_holder = accepted ? at_joiner : state;
  if (at_holder.pairing_id().empty()) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const v1::SignedMessage word, AbortAtHolder(*sites, at_holder));
  if (!accepted) return Ok();
  state.set_pairing_id(at_joiner.pairing_id());
  if (word.body().empty()) {
    return Error(
        Code::kUnavailable,
        fmt::format("site {} has forgotten the ceremony, but its HSM cannot sign that now, "
                    "without which the joiner does not give the domain back; run the "
                    "command again",
                    Printable(at_holder.holder())));
  }
  return joiner.Abort(at_joiner, word);
}

void PrintAborted(std::ostream& out, const v1::CeremonyState& state, bool at_joiner,
                  OutputForm form) {
  if (form == OutputForm::kJson) {
    JsonWriter(out)
        .BeginObject()
        .Key("pairingId")
        .String(state.pairing_id())
        .Key("undoneAtJoiner")
        .Bool(at_joiner)
        .EndObject()
        .Finish();
    return;
  }
  out << "The ceremony is undone.\n";
  if (!at_joiner) {
    out << "The joiner was not asked and remembers it, if it has heard of it: `twinseal pair abort "
           "--joiner https://HOST:PORT`.\n";
  }
}

// What is under way, from the agent's folder or else from the holder.
Result<v1::CeremonyState> FindCeremony(Context& context, const AbortOptions& options,
                                       const std::optional<Driver>& driver) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  if (driver && driver->state) {
    v1::CeremonyState state = *driver->state;
    TWINSEAL_RETURN_IF_ERROR(LearnPairing(*sites, state));
    return state;
  }
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<v1::CeremonyState> found,
                            CeremonyAtHolder(*sites, options));
  if (found) return *found;
  v1::CeremonyState none;
  none.set_id(KeyId::Random().Hex());
  if (!options.joiner_endpoint.empty()) return none;
  return Error(Code::kFailedPrecondition,
               "no ceremony is under way, so there is nothing to undo; a joiner that has answered "
               "one is asked with --joiner https://HOST:PORT");
}

Status Abort(Context& context, const AbortOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<Driver> driver, OpenDriver(options.agent_config));
  TWINSEAL_ASSIGN_OR_RETURN(v1::CeremonyState state, FindCeremony(context, options, driver));
  if (state.has_conclusion()) {
    return Error(Code::kFailedPrecondition,
                 "it is concluded already; `twinseal pair create` with the same joiner waits for "
                 "its end, and `twinseal pair leave` takes a pair apart");
  }
  if (driver && driver->state) {
    state.clear_joiner_proof();
    TWINSEAL_RETURN_IF_ERROR(driver->file.Save(state));
  }
  const bool named = !options.joiner_endpoint.empty();
  const std::string& endpoint = named ? options.joiner_endpoint : state.joiner_endpoint();
  const bool at_joiner = !endpoint.empty() && !options.without_joiner;
  if (at_joiner) {
    TWINSEAL_RETURN_IF_ERROR(AbortBoth(context, endpoint, named, state));
  } else if (!state.pairing_id().empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
    TWINSEAL_ASSIGN_OR_RETURN([[maybe_unused]] const v1::SignedMessage word,
                              AbortAtHolder(*sites, state));
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
