// `twinseal client issue`: a certificate for somebody who may call the appliance.
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/files.h"
#include "agent/cli/identity.h"
#include "agent/cli/json.h"
#include "agent/cli/program.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "common/base/types.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::cli {
namespace {

// A certificate request has a few hundred bytes, with a large RSA key a few thousand.
constexpr std::size_t kMaxCsrBytes = std::size_t{64} * 1024;
constexpr std::uint32_t kMaxDays = 3650;

struct IssueOptions {
  std::string name;
  v1::Role role = v1::ROLE_UNSPECIFIED;
  std::string folder = ".";
  std::string csr;
  std::uint32_t days = 0;
  std::string request_id;
  OutputForm form = OutputForm::kTable;
};

void Print(std::ostream& out, const IssueOptions& options, const IdentityFiles& files) {
  if (options.form == OutputForm::kJson) {
    JsonWriter json(out);
    json.BeginObject().Key("name").String(options.name);
    json.Key("role")
        .String(Word(*v1::Role_descriptor()->FindValueByNumber(options.role)))
        .Key("keyFile");
    files.key_path().empty() ? json.Null() : json.String(files.key_path());
    json.Key("certificateFile")
        .String(files.certificate_path())
        .Key("caFile")
        .String(files.ca_path());
    json.EndObject().Finish();
    return;
  }
  out << fmt::format("Issued a certificate to {} {}.\n",
                     Word(*v1::Role_descriptor()->FindValueByNumber(options.role)),
                     Printable(options.name));
  if (!files.key_path().empty())
    out << fmt::format("  TWINSEAL_KEY={}\n", Printable(files.key_path()));
  out << fmt::format("  TWINSEAL_CERTIFICATE={}\n  TWINSEAL_CA={}\n",
                     Printable(files.certificate_path()), Printable(files.ca_path()));
}

Status Issue(Context& context, const IssueOptions& options) {
  v1::IssueClientCertificateRequest request;
  request.set_request_id(options.request_id);
  request.set_role(options.role);
  request.set_name(options.name);
  request.set_days(options.days);
  if (!options.csr.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes csr, ReadFile(options.csr, kMaxCsrBytes));
    request.set_csr_pem(ToString(csr));
  }
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(IdentityFiles files, IdentityFiles::Create(options.folder, options.name,
                                                                       options.csr.empty()));
  if (options.csr.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(*request.mutable_csr_pem(), files.MakeKey(options.name));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const v1::IssueClientCertificateResponse answer,
                            Call<v1::IssueClientCertificateResponse>(
                                *remote, "ApplianceService/IssueClientCertificate", request));
  TWINSEAL_RETURN_IF_ERROR(files.Write(answer.certificate_pem(), answer.ca_pem()));
  Print(context.out(), options, files);
  return Ok();
}

}  // namespace

void AddClient(CLI::App& root, Commands& commands) {
  CLI::App* const group =
      root.add_subcommand("client", "Let people and programs call the appliance");
  group->require_subcommand(1);
  const auto options = std::make_shared<IssueOptions>();
  CLI::App* const app = group->add_subcommand(
      "issue", "Issue a client certificate; its key is made here and stays here");
  // The name becomes part of file names: it is checked before anything is written.
  AddParsed(
      *app, "NAME", options->name,
      [](const std::string& text) -> Result<std::string> {
        TWINSEAL_ASSIGN_OR_RETURN(const KeyName name, KeyName::Parse(text));
        return name.text();
      },
      "What policies call the client")
      ->type_name("")
      ->required();
  AddParsed(*app, "--role", options->role, ParseRole,
            "application: signs with keys that name it; auditor: reads; operator: does everything; "
            "agent: a pair's witness")
      ->type_name("application|auditor|operator|agent")
      ->required();
  app->add_option("--out-dir", options->folder,
                  "Where NAME.key, NAME.pem and ca.pem go (default .)")
      ->type_name(kFolderType);
  app->add_option("--days", options->days, "For how long the certificate holds (default 365)")
      ->type_name("N")
      ->check(CLI::Range(1U, kMaxDays));
  app->add_option("--csr", options->csr,
                  "Certify the key of this PKCS#10 request; no key is made then")
      ->type_name(kFileType);
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->footer("Example: twinseal client issue builder --role application --out-dir ~/builder");
  app->callback([options, &commands] {
    commands.Select({fmt::format("issuing a certificate to {}", Printable(options->name)),
                     [options](Context& context) { return Issue(context, *options); }});
  });
}

}  // namespace twinseal::cli
