// `twinseal status`: how each appliance of the configuration is.
#include <memory>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/json.h"
#include "agent/cli/program.h"
#include "agent/cli/table.h"
#include "agent/cli/words.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::cli {
namespace {

struct Asked {
  std::string endpoint;
  Result<v1::GetStatusResponse> status;
};

std::string KeysByState(const v1::GetStatusResponse& status) {
  std::string text;
  // In the order of a key's life, which is that of the enumeration.
  for (int state = v1::KeyState_MIN; state <= v1::KeyState_MAX; ++state) {
    if (!v1::KeyState_IsValid(state)) continue;
    std::string name = Word(static_cast<v1::KeyState>(state));
    auto found = status.keys_by_state().find(name);
    if (found == status.keys_by_state().end() || found->second == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", found->second, name);
  }
  return text.empty() ? "none" : text;
}

std::string Hsm(const v1::GetStatusResponse& status) {
  std::string text = status.hsm_model();
  if (!status.hsm_manufacturer().empty()) text += fmt::format(" ({})", status.hsm_manufacturer());
  return fmt::format("{}, token {}, {}, {}", text.empty() ? "unknown" : text,
                     status.hsm_token_label().empty() ? "unknown" : status.hsm_token_label(),
                     status.hsm_state(), Count(status.hsm_sessions(), "session"));
}

void PrintOne(std::ostream& out, const Asked& asked) {
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
  fields.Add("Locked memory", status.memory_lock());
  fields.Add("Core restarts", fmt::format("{}", status.core_restarts()));
  for (const v1::Capability& capability : status.capabilities()) {
    if (!capability.available()) {
      fields.Add("Not available", fmt::format("{}: {}", capability.name(), capability.reason()));
    }
  }
  fields.Print(out);
}

void PrintJson(std::ostream& out, const std::vector<Asked>& all) {
  JsonWriter json(out);
  json.BeginObject().Key("appliances").BeginArray();
  for (const Asked& asked : all) {
    json.BeginObject().Key("endpoint").String(asked.endpoint).Key("error");
    if (asked.status.ok()) {
      json.Null().Key("status").Message(*asked.status);
    } else {
      json.String(asked.status.error().message()).Key("status").Null();
    }
    json.EndObject();
  }
  json.EndArray().EndObject().Finish();
}

Status ShowStatus(Context& context, OutputForm form) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  std::vector<Asked> all;
  std::size_t failing = 0;
  std::string first_reason;
  for (std::size_t i = 0; i < remote->endpoints().size(); ++i) {
    v1::GetStatusResponse response;
    const Status called =
        remote->CallAt(i, "ApplianceService/GetStatus", v1::GetStatusRequest(), response);
    all.push_back({remote->endpoints()[i],
                   called.ok() ? Result<v1::GetStatusResponse>(response) : called.error()});
    if (called.ok() && response.ready()) continue;
    if (failing++ == 0)
      first_reason = called.ok() ? "not ready: " + response.reason() : called.error().message();
  }
  if (form == OutputForm::kJson) {
    PrintJson(context.out(), all);
  } else {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (i > 0) context.out() << '\n';
      PrintOne(context.out(), all[i]);
    }
  }
  if (failing == 0) return Ok();
  if (all.size() == 1) return Error(Code::kUnavailable, first_reason);
  return Error(Code::kUnavailable, fmt::format("{} of {} appliances cannot sign; see State above",
                                               failing, all.size()));
}

}  // namespace

void AddStatus(CLI::App& root, Commands& commands) {
  const auto form = std::make_shared<OutputForm>(OutputForm::kTable);
  CLI::App* const app = root.add_subcommand(
      "status", "Show how each appliance is; exit status 1 when one is not ready");
  AddOutput(*app, *form);
  app->callback([form, &commands] {
    commands.Select(
        {"asking for the status", [form](Context& context) { return ShowStatus(context, *form); }});
  });
}

}  // namespace twinseal::cli
