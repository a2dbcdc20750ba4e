// `twinseal status`: how each appliance of the configuration is.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/json.h"
#include "agent/cli/pair/endpoints.h"
#include "agent/cli/pair/survey.h"
#include "agent/cli/pair/survey_print.h"
#include "agent/cli/program.h"
#include "agent/cli/table.h"
#include "agent/cli/words.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::cli {
namespace {

// Who cannot answer in this time is not well, and the others are to be shown.
constexpr std::chrono::seconds kGlance{5};

std::string Hsm(const v1::GetStatusResponse& status) {
  std::string text = status.hsm_model();
  if (!status.hsm_manufacturer().empty()) text += fmt::format(" ({})", status.hsm_manufacturer());
  return fmt::format("{}, token {}, {}, {}", text.empty() ? "unknown" : text,
                     status.hsm_token_label().empty() ? "unknown" : status.hsm_token_label(),
                     status.hsm_state(), Count(status.hsm_sessions(), "session"));
}

// Nothing before anything was archived.
std::string Archive(const v1::ArchiveStatus& archive) {
  std::string text;
  if (archive.entries() != 0 || archive.waiting_entries() != 0) {
    text = fmt::format("{} {}", archive.entries(), archive.entries() == 1 ? "entry" : "entries");
  }
  if (archive.waiting_entries() != 0 && archive.behind_size() != 0) {
    text += fmt::format(", {} in the ledger until site {} has archived them",
                        archive.waiting_entries(), fmt::join(archive.behind(), ", "));
  }
  if (!archive.problem().empty()) {
    text += fmt::format("{}cannot be written to: {}", text.empty() ? "" : "; ", archive.problem());
  }
  return text;
}

void PrintOne(std::ostream& out, const ApplianceAnswer& asked) {
  Fields fields;
  fields.Add("Appliance", asked.endpoint);
  if (!asked.status.ok()) {
    fields.Add("State", "cannot be asked: " + asked.status.error().message());
    fields.Print(out);
    return;
  }
  const v1::GetStatusResponse& status = *asked.status;
  fields.Add("Site", status.site());
  fields.Add("State", status.ready() ? "ready" : "not ready: " + status.reason());
  fields.Add("Version", status.version());
  fields.Add("Running since", FormatUnixMs(status.started_unix_ms()));
  fields.Add("HSM", Hsm(status));
  fields.Add("Keys", KeysByState(status));
  fields.Add("Ledger",
             fmt::format("{}, revision {}", status.ledger_engine(), status.ledger_revision()));
  fields.Add("Audit log", Count(status.audit_tree_size(), "record"));
  if (const std::string archive = Archive(status.archive()); !archive.empty()) {
    fields.Add("Archive", archive);
  }
  fields.Add("Locked memory", status.memory_lock());
  fields.Add("Core restarts", fmt::format("{}", status.core_restarts()));
  for (const v1::Capability& capability : status.capabilities()) {
    if (!capability.available()) {
      fields.Add("Not available", fmt::format("{}: {}", capability.name(), capability.reason()));
    }
  }
  fields.Print(out);
}

void WriteAppliances(JsonWriter& json, const std::vector<ApplianceAnswer>& all, bool paired) {
  json.Key("appliances").BeginArray();
  for (const ApplianceAnswer& asked : all) {
    json.BeginObject().Key("endpoint").String(asked.endpoint).Key("error");
    asked.status.ok() ? json.Null() : json.String(asked.status.error().message());
    json.Key("status");
    asked.status.ok() ? json.Message(*asked.status) : json.Null();
    if (paired) {
      json.Key("pair");
      asked.pair.ok() ? json.Message(*asked.pair) : json.Null();
    }
    json.EndObject();
  }
  json.EndArray();
}

void ShowEach(std::ostream& out, const std::vector<ApplianceAnswer>& all,
              const std::optional<AgentAnswer>& agent, OutputForm form) {
  if (form == OutputForm::kJson) {
    JsonWriter json(out);
    json.BeginObject();
    WriteAppliances(json, all, false);
    if (agent) WriteAgent(json, agent);
    json.EndObject().Finish();
    return;
  }
  for (const ApplianceAnswer& asked : all) {
    if (&asked != &all.front()) out << '\n';
    PrintOne(out, asked);
  }
  if (agent) PrintAgent(out << '\n', *agent);
}

// Appliances of which none tells of a pair: all of them have to be ready.
Status ShowAlone(Context& context, const std::vector<ApplianceAnswer>& all,
                 const std::optional<AgentAnswer>& agent, OutputForm form) {
  ShowEach(context.out(), all, agent, form);
  std::size_t failing = 0;
  std::string first_reason;
  for (const ApplianceAnswer& asked : all) {
    if (asked.status.ok() && asked.status->ready()) continue;
    if (failing++ == 0) {
      first_reason = asked.status.ok() ? "not ready: " + asked.status->reason()
                                       : asked.status.error().message();
    }
  }
  if (failing == 0) return Ok();
  if (all.size() == 1) return Error(Code::kUnavailable, first_reason);
  return Error(Code::kUnavailable, fmt::format("{} of {} appliances cannot sign; see State above",
                                               failing, all.size()));
}

std::optional<AgentAnswer> AskAgent(Context& context, Config config, const std::string& endpoint) {
  if (endpoint.empty()) return std::nullopt;
  config.endpoints = {endpoint};
  const Result<std::unique_ptr<Remote>> agent = context.Connect(config);
  if (!agent.ok()) return AgentAnswer{endpoint, agent.error()};
  return AgentAnswer{endpoint,
                     CallOne<v1::GetPairHealthResponse>(**agent, 0, "AgentService/GetPairHealth",
                                                        v1::GetPairHealthRequest())};
}

Status ShowStatus(Context& context, OutputForm form) {
  TWINSEAL_ASSIGN_OR_RETURN(Config config, context.config());
  config.timeout = std::min(config.timeout, kGlance);
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<Remote> remote, context.Connect(config));
  const std::vector<ApplianceAnswer> all = AskAppliances(*remote);
  const std::optional<AgentAnswer> agent =
      AskAgent(context, config, config.agent.empty() ? AgentEndpointOf(all) : config.agent);
  const std::optional<PairSummary> pair = Summarize(all, agent);
  if (!pair) return ShowAlone(context, all, agent, form);
  if (form == OutputForm::kJson) {
    JsonWriter json(context.out());
    json.BeginObject();
    WriteAppliances(json, all, true);
    WritePairSummary(json, *pair, agent);
    json.EndObject().Finish();
  } else {
    PrintPairSummary(context.out(), *pair, all, agent);
  }
  if (pair->ready_sites > 0) return Ok();
  return Error(Code::kUnavailable, "no site of the pair can sign; see the reasons above");
}

}  // namespace

void AddStatus(CLI::App& root, Commands& commands) {
  const auto form = std::make_shared<OutputForm>(OutputForm::kTable);
  CLI::App* const app =
      root.add_subcommand("status", "Show how the pair is, or each appliance that is alone");
  AddOutput(*app, *form);
  app->callback([form, &commands] {
    commands.Select(
        {"asking for the status", [form](Context& context) { return ShowStatus(context, *form); }});
  });
}

}  // namespace twinseal::cli
