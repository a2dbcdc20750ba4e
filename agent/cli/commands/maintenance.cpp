// `twinseal maintenance`: takes a site out of service in good order, and back in.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/json.h"
#include "agent/cli/pair/endpoints.h"
#include "agent/cli/pair/waiting.h"
#include "agent/cli/program.h"
#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

// A site that was away for long catches up first.
constexpr std::chrono::minutes kReadyWithin{5};

struct MaintenanceOptions {
  std::string site;
  std::string request_id;
  OutputForm form = OutputForm::kTable;
};

Status AwaitReady(Context& context, Remote& sites, const SiteEndpoint& site) {
  const TimeLimit limit(context.surroundings(), kReadyWithin);
  while (true) {
    const Result<v1::GetStatusResponse> status = GetStatus(sites, site.endpoint);
    if (status.ok() && status->ready()) return Ok();
    if (!status.ok() && !MayPass(status.error())) return status.error();
    if (!limit.Wait()) {
      return Error(Code::kDeadlineExceeded,
                   fmt::format("site {} takes part again but is not ready yet ({}); `twinseal "
                               "status` shows when it is",
                               Printable(site.site),
                               status.ok() ? status->reason() : status.error().message()));
    }
  }
}

Status SetMaintenance(Context& context, const MaintenanceOptions& options, bool maintenance) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const sites, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(const SiteEndpoint site, FindSite(*sites, options.site));
  v1::SetMaintenanceRequest request;
  request.set_request_id(options.request_id);
  request.set_maintenance(maintenance);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::SetMaintenanceResponse response,
                            CallOne<v1::SetMaintenanceResponse>(
                                *sites, site.endpoint, "SiteService/SetMaintenance", request));
  if (!maintenance) TWINSEAL_RETURN_IF_ERROR(AwaitReady(context, *sites, site));
  if (options.form == OutputForm::kJson) {
    JsonWriter json(context.out());
    json.BeginObject().Key("site").String(site.site).Key("standing").String(response.standing());
    json.EndObject().Finish();
  } else if (maintenance) {
    context.out() << fmt::format(
        "Site {0} takes no more work; `twinseal maintenance finish {0}` takes it back.\n",
        Printable(site.site));
  } else {
    context.out() << fmt::format("Site {} is in service again.\n", Printable(site.site));
  }
  return Ok();
}

void AddOne(CLI::App& group, Commands& commands, bool maintenance) {
  const auto options = std::make_shared<MaintenanceOptions>();
  CLI::App* const app =
      maintenance
          ? group.add_subcommand("start",
                                 "Send a site's clients to the others, before it is worked on")
          : group.add_subcommand("finish", "Take a site back into service, once it is ready");
  AddSite(*app, options->site, "The site")->required();
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->callback([options, maintenance, &commands] {
    commands.Select({fmt::format("taking site {} {}", Printable(options->site),
                                 maintenance ? "out of service" : "back into service"),
                     [options, maintenance](Context& context) {
                       return SetMaintenance(context, *options, maintenance);
                     }});
  });
}

}  // namespace

void AddMaintenance(CLI::App& root, Commands& commands) {
  CLI::App* const group =
      root.add_subcommand("maintenance", "Work on one site of a pair while the other serves");
  group->require_subcommand(1);
  AddOne(*group, commands, true);
  AddOne(*group, commands, false);
  group->footer(
      "Example:\n"
      "  twinseal maintenance start b     its clients go elsewhere; no request fails\n"
      "  twinseal maintenance finish b    once it runs again");
}

}  // namespace twinseal::cli
