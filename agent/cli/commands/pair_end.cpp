// `twinseal pair leave` and `twinseal pair recover`: a site goes on without the others.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"
#include "agent/cli/commands/pair.h"
#include "agent/cli/json.h"
#include "agent/cli/pair/endpoints.h"
#include "agent/cli/pair/waiting.h"
#include "agent/cli/program.h"
#include "agent/cli/prompt.h"
#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

// A ledger of some gigabytes is copied, and the site starts anew.
constexpr std::chrono::minutes kDoneWithin{30};

struct EndOptions {
  std::string site;
  std::string yes_recover;
  std::string request_id;
  OutputForm form = OutputForm::kTable;
};

// Until the site says that it is in a phase in which it serves, and is ready.
Result<v1::GetPairResponse> AwaitServing(Context& context, Remote& sites,
                                         const SiteEndpoint& site) {
  const TimeLimit limit(context.surroundings(), kDoneWithin);
  std::string missing;
  while (true) {
    Result<v1::GetPairResponse> seen = GetPair(sites, site.endpoint);
    if (!seen.ok() && !MayPass(seen.error())) return seen.error();
    const bool settled =
        seen.ok() && !seen->isolated() && (seen->phase() == "alone" || seen->phase() == "paired");
    const Result<v1::GetStatusResponse> status = GetStatus(sites, site.endpoint);
    if (settled && status.ok() && status->ready()) return seen;
    missing = !seen.ok()     ? seen.error().message()
              : !settled     ? fmt::format("it is {}{}{}", seen->phase(),
                                       seen->detail().empty() ? "" : ", ", seen->detail())
              : !status.ok() ? status.error().message()
                             : status->reason();
    if (!limit.Wait()) {
      return Error(Code::kDeadlineExceeded,
                   fmt::format("site {} does not serve yet ({}); `twinseal pair status` shows how "
                               "far it is",
                               Printable(site.site), missing));
    }
  }
}

void PrintEnd(std::ostream& out, const v1::GetPairResponse& pair, OutputForm form,
              const std::string& sentence) {
  if (form == OutputForm::kJson) {
    JsonWriter(out)
        .BeginObject()
        .Key("site")
        .String(pair.site())
        .Key("phase")
        .String(pair.phase())
        .EndObject()
        .Finish();
    return;
  }
  out << sentence << '\n';
}

Status Leave(Context& context, const EndOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint site, FindSite(*sites, options.site));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse before, GetPair(*sites, site.endpoint));
  // A site that is alone has left already, this time or an earlier one.
  if (before.phase() != "leaving") {
    v1::LeavePairRequest request;
    request.set_request_id(options.request_id);
    request.set_site(options.site);
    v1::LeavePairResponse response;
    TWINSEAL_RETURN_IF_ERROR(
        sites->CallAt(site.endpoint, "PairingService/LeavePair", request, response));
  }
  const TimeLimit limit(context.surroundings(), kDoneWithin);
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse now, AwaitServing(context, *sites, site));
    if (now.phase() == "alone") {
      PrintEnd(context.out(), now, options.form,
               fmt::format(
                   "Site {} left the pair and goes on alone with all that the pair had; the pair "
                   "is over, and its other site serves no more.",
                   Printable(options.site)));
      return Ok();
    }
    if (!limit.Wait()) {
      return Error(Code::kDeadlineExceeded,
                   fmt::format("site {} has not left yet; `twinseal pair status` shows how far it "
                               "is",
                               Printable(options.site)));
    }
  }
}

std::string RecoverWarning(const std::string& site) {
  return fmt::format(
      "This is the last resort. Site {0} goes on alone, from its own copy of the ledger:\n"
      "  - what the others acknowledged and {0} has not seen is lost: keys may come back that "
      "were\n"
      "    disabled, and certificates may be unknown that were issued;\n"
      "  - the other places never come back: should one of them still run, both sides sign.\n"
      "Make sure that a majority of the ledger's places is gone for ever and switched off.\n",
      Printable(site));
}

Status AskWhetherMeant(Context& context, const EndOptions& options) {
  if (!options.yes_recover.empty()) {
    if (options.yes_recover == options.site) return Ok();
    return Error(Code::kInvalidArgument,
                 fmt::format("--yes-recover names {}, which is another site; nothing was done",
                             Printable(options.yes_recover)));
  }
  TWINSEAL_ASSIGN_OR_RETURN(
      const std::string typed,
      AskLine(context.surroundings().terminal,
              RecoverWarning(options.site) + "Type the site's name to go on: ",
              fmt::format("say --yes-recover {}", Printable(options.site))));
  if (typed == options.site) return Ok();
  return Error(Code::kCanceled, "the name that was typed is another; nothing was done");
}

Status Recover(Context& context, const EndOptions& options) {
  TWINSEAL_RETURN_IF_ERROR(AskWhetherMeant(context, options));
  if (!options.yes_recover.empty()) context.surroundings().err << RecoverWarning(options.site);
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint site, FindSite(*sites, options.site));
  v1::RecoverPairRequest request;
  request.set_request_id(options.request_id);
  request.set_site(options.site);
  v1::RecoverPairResponse response;
  TWINSEAL_RETURN_IF_ERROR(
      sites->CallAt(site.endpoint, "PairingService/RecoverPair", request, response));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::GetPairResponse now, AwaitServing(context, *sites, site));
  PrintEnd(context.out(), now, options.form,
           fmt::format("Site {0} serves again, alone. It makes a new pair with another appliance: "
                       "`twinseal pair create`.",
                       Printable(options.site)));
  return Ok();
}

void AddLeave(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<EndOptions>();
  CLI::App* const app = group.add_subcommand(
      "leave", "End a pair: the site goes on alone with all that the pair had");
  AddSite(*app, options->site, "The site that goes on; the other serves no more")->required();
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select({"taking site " + Printable(options->site) + " out of the pair",
                     [options](Context& context) { return Leave(context, *options); }});
  });
}

void AddRecover(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<EndOptions>();
  CLI::App* const app = group.add_subcommand(
      "recover", "LAST RESORT: let one site go on when most places are gone for ever");
  AddSite(*app, options->site, "The site that is left")->required();
  AddParsed(*app, "--yes-recover", options->yes_recover, ParseSite,
            "The site's name once more, in place of the question")
      ->type_name("SITE");
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->footer(
      "What the lost places had acknowledged and this site has not seen is lost. Never use it "
      "while\n"
      "another place may come back.");
  app->callback([options, &commands] {
    commands.Select({"recovering site " + Printable(options->site),
                     [options](Context& context) { return Recover(context, *options); }});
  });
}

}  // namespace

void AddPairEnd(CLI::App& group, Commands& commands) {
  AddLeave(group, commands);
  AddRecover(group, commands);
}

}  // namespace twinseal::cli
