// `twinseal pair confirm`, at an appliance's console.
#include <algorithm>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"
#include "agent/cli/commands/pair.h"
#include "agent/cli/files.h"
#include "agent/cli/json.h"
#include "agent/cli/private_file.h"
#include "agent/cli/program.h"
#include "agent/cli/prompt.h"
#include "agent/cli/service_config.h"
#include "agent/cli/text.h"
#include "common/connect/codec.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::cli {
namespace {

constexpr std::size_t kMaxPendingBytes = 65'536;

struct ConfirmOptions {
  std::string config_file = "/etc/twinseal/twinseald.conf";
  std::string code;
  OutputForm form = OutputForm::kTable;
};

// People write a code with spaces, with dashes, or in one.
std::string DigitsOf(std::string_view code) {
  std::string digits;
  std::ranges::copy_if(code, std::back_inserter(digits),
                       [](char c) { return c >= '0' && c <= '9'; });
  return digits;
}

Result<v1::PendingPairing> ReadPending(const std::string& folder) {
  const std::string path = folder + "/pending.json";
  const Result<Bytes> content = ReadFile(path, kMaxPendingBytes);
  if (!content.ok() && content.error().code() == Code::kNotFound) {
    return Error(Code::kFailedPrecondition,
                 "there is nothing to confirm: no pairing waits for this appliance's operator; "
                 "begin one on the agent's host: `twinseal pair create`");
  }
  if (!content.ok()) return content.error();
  v1::PendingPairing pending;
  TWINSEAL_RETURN_IF_ERROR(connect::Decode(connect::Encoding::kJson, *content, pending));
  if (pending.pairing_id().empty() || DigitsOf(pending.code()).empty()) {
    return Error(Code::kDataLoss,
                 fmt::format("{} names no pairing; begin again: `twinseal pair abort` on the "
                             "agent's host",
                             Printable(path)));
  }
  return pending;
}

std::string Question(const v1::PendingPairing& pending) {
  return fmt::format(
      "This appliance is to share a domain with site {0}.\n"
      "  Identity of site {0}: {1}\n"
      "  Identity of this one: {2}\n"
      "  Code: {3}\n"
      "Compare the fingerprints with those noted at set-up, and the code with the one at the\n"
      "other console. Are they all the same? Type yes: ",
      Printable(pending.partner()), Printable(pending.partner_fingerprint()),
      Printable(pending.own_fingerprint()), Printable(pending.code()));
}

Status CheckGiven(const std::string& given, const v1::PendingPairing& pending) {
  if (DigitsOf(given) == DigitsOf(pending.code())) return Ok();
  return Error(Code::kPermissionDenied,
               fmt::format("the code of this appliance is another ({}), and nothing was confirmed; "
                           "compare it with the one at the other console: when they differ, "
                           "somebody is in between, so undo it: `twinseal pair abort`",
                           Printable(pending.code())));
}

Status AskOperator(const std::string& terminal, const v1::PendingPairing& pending) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string answer,
                            AskLine(terminal, Question(pending), "give the code with --code"));
  if (answer == "yes") return Ok();
  return Error(Code::kCanceled,
               "you did not say yes, and nothing was confirmed; when something differs, undo it: "
               "`twinseal pair abort` on the agent's host");
}

Status Confirm(Context& context, const ConfirmOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string data_dir, ApplianceDataFolder(options.config_file));
  const std::string folder = data_dir + "/pair";
  TWINSEAL_ASSIGN_OR_RETURN(const v1::PendingPairing pending, ReadPending(folder));
  TWINSEAL_RETURN_IF_ERROR(options.code.empty()
                               ? AskOperator(context.surroundings().terminal, pending)
                               : CheckGiven(options.code, pending));
  TWINSEAL_RETURN_IF_ERROR(
      WritePrivateFile(folder + "/confirmed",
                       AsBytes(fmt::format("{}\n{}\n", pending.pairing_id(), pending.code()))));
  if (options.form == OutputForm::kJson) {
    JsonWriter(context.out())
        .BeginObject()
        .Key("pairingId")
        .String(pending.pairing_id())
        .Key("partner")
        .String(pending.partner())
        .Key("confirmed")
        .Bool(true)
        .EndObject()
        .Finish();
  } else {
    context.out() << fmt::format("Confirmed: the pairing with site {}.\n",
                                 Printable(pending.partner()));
  }
  return Ok();
}

}  // namespace

void AddPairConfirm(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<ConfirmOptions>();
  CLI::App* const app = group.add_subcommand(
      "confirm", "Confirm the code of a pairing, at the console of each of the two appliances");
  app->add_option("--config", options->config_file,
                  "twinseald's configuration (default /etc/twinseal/twinseald.conf)")
      ->type_name(kFileType);
  app->add_option("--code", options->code,
                  "The code as the other side shows it, in place of the question")
      ->type_name("CODE");
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select({"confirming the pairing",
                     [options](Context& context) { return Confirm(context, *options); }});
  });
}

}  // namespace twinseal::cli
