// `twinseal certificate`: the inventory of certificates for the keys.
#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/certificate_files.h"
#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/files.h"
#include "agent/cli/json.h"
#include "agent/cli/paging.h"
#include "agent/cli/program.h"
#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"

namespace twinseal::cli {
namespace {

constexpr std::size_t kIdDigits = 64;
// What a listing shows of an id, and the fewest that name a certificate.
constexpr std::size_t kShownDigits = 16;
constexpr std::size_t kFewestDigits = 8;

Result<std::string> ParseId(const std::string& text) {
  const bool is_hex = text.size() >= kFewestDigits && text.size() <= kIdDigits &&
                      text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex) return text;
  return Error(Code::kInvalidArgument,
               "an id is the SHA-256 of a certificate: 64 of 0-9 and a-f, or at least the first 8");
}

std::int64_t Milliseconds(crypto::UnixTime time) {
  return std::chrono::milliseconds(time.time_since_epoch()).count();
}

Result<std::vector<v1::Certificate>> ListAll(Remote& remote, const std::string& key) {
  std::vector<v1::Certificate> all;
  v1::ListCertificatesRequest request;
  request.set_key(key);
  TWINSEAL_RETURN_IF_ERROR(ReadPages<v1::ListCertificatesResponse>(
      remote, "CertificateService/ListCertificates", request,
      [&](v1::ListCertificatesResponse page) {
        for (v1::Certificate& one : *page.mutable_certificates()) all.push_back(std::move(one));
      }));
  return all;
}

// That of the key whose id begins so; the newest import when nothing is said.
Result<v1::Certificate> FindOne(Remote& remote, const std::string& key, const std::string& id) {
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<v1::Certificate> all, ListAll(remote, key));
  std::erase_if(all,
                [&](const v1::Certificate& one) { return !one.certificate_id().starts_with(id); });
  if (all.empty()) {
    return Error(Code::kNotFound,
                 fmt::format("the key has no {}certificate{}; `twinseal certificate list` shows "
                             "those there are",
                             id.empty() ? "" : "such ", id.empty() ? " yet" : ""));
  }
  if (!id.empty() && all.size() > 1) {
    return Error(Code::kInvalidArgument,
                 fmt::format("{} certificates of the key have ids that begin so; give more digits",
                             all.size()));
  }
  return std::move(all.front());
}

Status Print(std::ostream& out, const std::vector<v1::Certificate>& all, OutputForm form) {
  JsonWriter json(out);
  Table table({"KEY", "VERSION", "ID", "SUBJECT", "ISSUER", "EXPIRES"});
  const bool as_json = form == OutputForm::kJson;
  if (as_json) json.BeginObject().Key("certificates").BeginArray();
  for (const v1::Certificate& one : all) {
    TWINSEAL_ASSIGN_OR_RETURN(const auto read,
                              crypto::Certificate::FromDer(AsBytes(one.certificate_der())));
    if (!as_json) {
      table.Add({one.key_name(), fmt::format("{}", one.key_version()),
                 one.certificate_id().substr(0, kShownDigits), read.subject(), read.issuer(),
                 FormatUnixMs(Milliseconds(read.not_after()))});
      continue;
    }
    json.BeginObject().FieldsOf(one);
    json.Key("subject").String(read.subject()).Key("issuer").String(read.issuer());
    json.Key("serial").String(read.serial());
    json.Key("notBeforeUnixMs").String(fmt::format("{}", Milliseconds(read.not_before())));
    json.Key("notAfterUnixMs").String(fmt::format("{}", Milliseconds(read.not_after())));
    json.EndObject();
  }
  if (as_json) {
    json.EndArray().EndObject().Finish();
  } else {
    table.Print(out);
  }
  return Ok();
}

struct ImportOptions {
  std::string key;
  std::vector<std::string> files;
  std::string request_id;
  OutputForm form = OutputForm::kTable;
};

Status Import(Context& context, const ImportOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<crypto::Certificate> certificates,
                            ReadCertificateFiles(options.files));
  v1::ImportCertificateRequest request;
  request.set_request_id(options.request_id);
  request.set_key(options.key);
  for (const crypto::Certificate& one : certificates) {
    request.add_certificates_der(ToString(one.der()));
  }
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(
      const v1::Certificate made,
      Call<v1::Certificate>(*remote, "CertificateService/ImportCertificate", request));
  if (options.form == OutputForm::kJson) return Print(context.out(), {made}, options.form);
  context.out() << fmt::format(
      "Imported certificate {} for version {} of key {}, with {} of its issuers.\n",
      Printable(made.certificate_id().substr(0, kShownDigits)), made.key_version(),
      Printable(made.key_name()), made.issuers_der_size());
  return Ok();
}

struct ExportOptions {
  std::string key;
  std::string id;
  bool alone = false;
  std::string out;
};

Status Export(Context& context, const ExportOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Certificate one, FindOne(*remote, options.key, options.id));
  TWINSEAL_ASSIGN_OR_RETURN(const std::string pem, PemOf(one, !options.alone));
  if (!options.out.empty()) return WriteFile(options.out, AsBytes(pem));
  context.out() << pem;
  return Ok();
}

struct RemoveOptions {
  std::string key;
  std::string id;
  std::string request_id;
  OutputForm form = OutputForm::kTable;
};

Status Remove(Context& context, const RemoveOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  v1::RemoveCertificateRequest request;
  request.set_request_id(options.request_id);
  request.set_key(options.key);
  request.set_certificate_id(options.id);
  if (options.id.size() < kIdDigits) {
    TWINSEAL_ASSIGN_OR_RETURN(const v1::Certificate found,
                              FindOne(*remote, options.key, options.id));
    request.set_certificate_id(found.certificate_id());
  }
  TWINSEAL_ASSIGN_OR_RETURN(
      const v1::Certificate removed,
      Call<v1::Certificate>(*remote, "CertificateService/RemoveCertificate", request));
  if (options.form == OutputForm::kJson) {
    JsonWriter(context.out()).Message(removed).Finish();
  } else {
    context.out() << fmt::format("Removed certificate {} of key {}.\n",
                                 Printable(removed.certificate_id().substr(0, kShownDigits)),
                                 Printable(removed.key_name()));
  }
  return Ok();
}

CLI::Option* AddId(CLI::App& app, std::string& id, const std::string& description) {
  return AddParsed(app, "--id", id, ParseId, description)->type_name("ID");
}

void AddImport(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* const app = group.add_subcommand("import", "Put a key's certificate in the inventory");
  AddKeyName(*app, options->key, "--key");
  app->add_option("--in", options->files,
                  "The certificate and, if you like, its issuers' up to the root, in PEM or DER; "
                  "may be given several times")
      ->type_name(kFileType)
      ->allow_extra_args(false)
      ->required();
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->footer("Example: twinseal certificate import --key www --in www.pem --in issuing-ca.pem");
  app->callback([options, &commands] {
    commands.Select({"importing a certificate for key " + Printable(options->key),
                     [options](Context& context) { return Import(context, *options); }});
  });
}

void AddList(CLI::App& group, Commands& commands) {
  struct Options {
    std::string key;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand("list", "List the certificates of your keys");
  AddKeyName(*app, options->key, "--key")->required(false);
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select({"listing certificates", [options](Context& context) -> Status {
                       TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
                       TWINSEAL_ASSIGN_OR_RETURN(std::vector<v1::Certificate> all,
                                                 ListAll(*remote, options->key));
                       std::ranges::stable_sort(all, {}, &v1::Certificate::key_name);
                       return Print(context.out(), all, options->form);
                     }});
  });
}

void AddExport(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* const app =
      group.add_subcommand("export", "Print a key's certificate and its issuers' in PEM");
  AddKeyName(*app, options->key, "--key");
  AddId(*app, options->id, "Which one, by the first digits (default the newest import)");
  app->add_flag("--alone", options->alone, "Without those of its issuers");
  app->add_option("--out", options->out, "Write it to a file instead")->type_name(kFileType);
  app->footer("Example: twinseal certificate export --key www --out www-chain.pem");
  app->callback([options, &commands] {
    commands.Select({"exporting the certificate of key " + Printable(options->key),
                     [options](Context& context) { return Export(context, *options); }});
  });
}

void AddRemove(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<RemoveOptions>();
  CLI::App* const app = group.add_subcommand(
      "remove", "Take a certificate out of the inventory; this revokes nothing");
  AddKeyName(*app, options->key, "--key");
  AddId(*app, options->id, "Which one, by the first digits")->required();
  const CLI::Option* const request_id = AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->callback([options, request_id, &commands] {
    if (request_id->count() > 0 && options->id.size() < kIdDigits) {
      throw CLI::ValidationError(
          "--id",
          "with --request-id all 64 digits are needed: the first ones may name another one "
          "when the request is repeated");
    }
    commands.Select({"removing a certificate of key " + Printable(options->key),
                     [options](Context& context) { return Remove(context, *options); }});
  });
}

}  // namespace

void AddCertificate(CLI::App& root, Commands& commands) {
  CLI::App* const group =
      root.add_subcommand("certificate", "The inventory: which certificates there are for keys");
  group->require_subcommand(1);
  AddImport(*group, commands);
  AddList(*group, commands);
  AddExport(*group, commands);
  AddRemove(*group, commands);
}

}  // namespace twinseal::cli
