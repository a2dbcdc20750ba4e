// `twinseal audit`: reading the audit log, and checking that nobody changed it.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/audit_log.h"
#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/files.h"
#include "agent/cli/json.h"
#include "agent/cli/program.h"
#include "agent/cli/progress.h"
#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "common/audit/verifier.h"
#include "common/crypto/public_key.h"

namespace twinseal::cli {
namespace {

constexpr std::uint64_t kDefaultLimit = 100;

struct ListOptions {
  std::optional<std::uint64_t> first;
  std::uint64_t limit = kDefaultLimit;
  OutputForm form = OutputForm::kTable;
};

std::string Caller(const v1::AuditRecord& record) {
  return record.caller_name().empty() ? record.caller_role()
                                      : record.caller_role() + "/" + record.caller_name();
}

std::string KeyAndVersion(const v1::AuditRecord& record) {
  const std::string& name = record.key_name().empty() ? record.key_id() : record.key_name();
  return record.key_version() == 0 ? name : fmt::format("{} v{}", name, record.key_version());
}

void AddRow(Table& table, const v1::AuditRecord& record) {
  table.Add({fmt::format("{}", record.sequence()), FormatUnixUs(record.time_unix_us()),
             Caller(record), record.operation(), KeyAndVersion(record), record.outcome(),
             record.detail()});
}

Status List(Context& context, const ListOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(AuditLog log, AuditLog::Open(*remote));
  const std::uint64_t size = log.size();
  const std::uint64_t first =
      options.first.value_or(size > options.limit ? size - options.limit : 0);
  const std::uint64_t end =
      std::min(size, first > size ? size : first + std::min(options.limit, size - first));

  JsonWriter json(context.out());
  Table table({"RECORD", "TIME", "CALLER", "OPERATION", "KEY", "OUTCOME", "DETAIL"});
  const bool as_json = options.form == OutputForm::kJson;
  if (as_json) json.BeginObject().Key("records").BeginArray();
  Status read = log.Read(first, end, [&](const v1::StoredAuditRecord& stored) -> Status {
    v1::AuditRecord record;
    if (!record.ParseFromString(stored.record())) {
      return Error(
          Code::kDataLoss,
          fmt::format("record {} cannot be read; `twinseal audit verify` says what else is wrong",
                      stored.sequence()));
    }
    as_json ? void(json.Message(record)) : AddRow(table, record);
    return Ok();
  });
  if (as_json) {
    json.EndArray().Key("treeSize").String(fmt::format("{}", size)).EndObject().Finish();
  } else {
    table.Print(context.out());
  }
  return read;
}

struct VerifyOptions {
  std::string checkpoint_key;
  OutputForm form = OutputForm::kTable;
};

// What a check found, in JSON's names and the table's words.
void PrintReport(std::ostream& out, const std::string& site, const audit::Report& report,
                 const std::string& fingerprint, bool own_key, OutputForm form) {
  if (form == OutputForm::kJson) {
    JsonWriter json(out);
    json.BeginObject().Key("intact").Bool(report.ok()).Key("site").String(site);
    json.Key("records").String(fmt::format("{}", report.records));
    json.Key("checkpoints").String(fmt::format("{}", report.checkpoints));
    json.Key("verifiedCheckpoints").String(fmt::format("{}", report.verified_checkpoints));
    json.Key("coveredRecords").String(fmt::format("{}", report.covered));
    json.Key("rootHash");
    report.ok() ? json.String(Base64Encode(report.root)) : json.Null();
    json.Key("checkpointKeySha256").String(fingerprint).Key("findings").BeginArray();
    for (const audit::Finding& finding : report.findings) {
      json.BeginObject().Key("kind").String(audit::TamperingName(finding.kind));
      json.Key("firstRecord").String(fmt::format("{}", finding.first));
      json.Key("lastRecord").String(fmt::format("{}", finding.last));
      json.Key("detail").String(finding.detail).EndObject();
    }
    json.EndArray()
        .Key("moreFindings")
        .String(fmt::format("{}", report.more_findings))
        .EndObject()
        .Finish();
    return;
  }
  if (report.ok()) {
    out << fmt::format("Site {}: {}, none changed, removed or reordered.\n", Printable(site),
                       Count(report.records, "record"));
    out << fmt::format("Signed: the first {}, by {}.\n", report.covered,
                       Count(report.verified_checkpoints, "checkpoint"));
    if (report.covered < report.records) {
      out << fmt::format("Not signed yet: the last {}; the next checkpoint covers them.\n",
                         report.records - report.covered);
    }
    out << fmt::format("Checkpoint key (SHA-256): {}{}\n", fingerprint,
                       own_key ? ""
                               : "\nThe appliance named that key itself; give --checkpoint-key "
                                 "FILE to trust your own copy.");
    return;
  }
  Table table({"WHAT", "FIRST", "LAST", "DETAIL"});
  for (const audit::Finding& finding : report.findings) {
    table.Add({std::string(audit::TamperingName(finding.kind)), fmt::format("{}", finding.first),
               fmt::format("{}", finding.last), finding.detail});
  }
  table.Print(out);
}

// "record 7 was changed", "records 3 to 5 were removed": the error line's words.
std::string Sentence(const audit::Finding& finding) {
  const std::string_view what = audit::TamperingName(finding.kind);
  if (finding.kind == audit::Tampering::kForged)
    return fmt::format("the checkpoint of size {} is forged", finding.first);
  return finding.first == finding.last
             ? fmt::format("record {} was {}", finding.first, what)
             : fmt::format("records {} to {} were {}", finding.first, finding.last, what);
}

// The error of a report that is not ok. `key_file` is empty when the appliance named the key.
Error Tampered(const audit::Report& report, const std::string& key_file) {
  // All checkpoints forged, and nothing else wrong: most likely it is the wrong key.
  const bool only_forged = std::ranges::all_of(report.findings, [](const audit::Finding& finding) {
    return finding.kind == audit::Tampering::kForged;
  });
  if (only_forged && report.verified_checkpoints == 0) {
    return Error(
        Code::kDataLoss,
        fmt::format("no checkpoint bears the signature of {}: is it this appliance's "
                    "audit key? If it is, every checkpoint is forged; keep the "
                    "appliance's disk as it is",
                    key_file.empty() ? "the key that the appliance names" : Printable(key_file)));
  }
  const std::uint64_t others = report.findings.size() - 1 + report.more_findings;
  return Error(
      Code::kDataLoss,
      fmt::format(
          "{}{}; keep the appliance's disk as it is and compare with your copies of the log",
          Sentence(report.findings.front()),
          others == 0 ? "" : fmt::format(", and {} more", Count(others, "finding"))));
}

Status Verify(Context& context, const VerifyOptions& options) {
  const Surroundings& surroundings = context.surroundings();
  std::string key_pem;
  if (!options.checkpoint_key.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes pem, ReadFile(options.checkpoint_key, kMaxPemBytes));
    key_pem = ToString(pem);
  }
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(AuditLog log, AuditLog::Open(*remote));
  // Before the records, so that each checkpoint is of records that are there.
  TWINSEAL_ASSIGN_OR_RETURN(const Checkpoints checkpoints, log.ReadCheckpoints());
  if (key_pem.empty()) key_pem = checkpoints.public_key_pem;
  Result<crypto::PublicKey> key = crypto::PublicKey::FromPem(key_pem);
  if (!key.ok()) {
    return Error(Code::kInvalidArgument,
                 fmt::format("{} holds no public key in PEM",
                             options.checkpoint_key.empty() ? "the appliance's answer"
                                                            : Printable(options.checkpoint_key)));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const audit::SignatureCheck check, audit::CheckWithPublicKey(key_pem));
  TWINSEAL_ASSIGN_OR_RETURN(const std::string site, log.Site());
  TWINSEAL_ASSIGN_OR_RETURN(const SiteName name, SiteName::Parse(site));

  audit::LogVerifier verifier(name, checkpoints.all, check);
  TWINSEAL_RETURN_IF_ERROR(log.Refresh());
  Progress progress(surroundings.err_is_terminal ? &surroundings.err : nullptr,
                    "audit log of " + site, Progress::Unit::kRecords, log.size());
  std::uint64_t done = 0;
  TWINSEAL_RETURN_IF_ERROR(log.Read(0, log.size(), [&](const v1::StoredAuditRecord& record) {
    verifier.Add(record);
    progress.Update(++done);
    return Ok();
  }));
  const audit::Report report = verifier.Finish();
  PrintReport(context.out(), site, report, key->Fingerprint(), !options.checkpoint_key.empty(),
              options.form);
  if (report.ok()) return Ok();
  return Tampered(report, options.checkpoint_key);
}

void AddLogList(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App* const app =
      group.add_subcommand("list", "List records: who did what, and what came of it");
  app->add_option("--first", options->first,
                  "The first record to list (default: so that the newest are listed)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--limit", options->limit, "How many at most (default 100)")
      ->type_name("N")
      ->check(CLI::PositiveNumber);
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select(
        {"listing the audit log", [options](Context& context) { return List(context, *options); }});
  });
}

void AddLogVerify(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App* const app =
      group.add_subcommand("verify", "Download the whole log and check that nothing was changed");
  app->add_option("--checkpoint-key", options->checkpoint_key,
                  "Your copy of the public key that signs checkpoints, in PEM (default what the "
                  "appliance names)")
      ->type_name(kFileType);
  AddOutput(*app, options->form);
  app->footer(
      "Exit status 1 when a record was changed, removed, reordered, rewritten or cut off, or a "
      "checkpoint forged.\n"
      "To put the key aside: twinseal key public twinseal.audit.SITE --out FILE");
  app->callback([options, &commands] {
    commands.Select({"verifying the audit log",
                     [options](Context& context) { return Verify(context, *options); }});
  });
}

}  // namespace

void AddAudit(CLI::App& root, Commands& commands) {
  CLI::App* const group = root.add_subcommand("audit", "Read and verify the audit log");
  group->require_subcommand(1);
  AddLogList(*group, commands);
  AddLogVerify(*group, commands);
}

}  // namespace twinseal::cli
