// `twinseal sign`: digests are made here, from files of any size; signatures come from the
// appliance.
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/commands/scheme_choice.h"
#include "agent/cli/digesting.h"
#include "agent/cli/files.h"
#include "agent/cli/json.h"
#include "agent/cli/program.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::cli {
namespace {

// The contract's largest batch.
constexpr int kMaxBatch = 1024;
// Messages of pure schemes are sent whole, up to 64 KiB each; a request stays well below any limit
// on bodies.
constexpr std::size_t kMaxBatchBytes = std::size_t{512} * 1024;

struct SignOptions {
  std::string key;
  std::string in;
  std::string out;
  std::vector<std::string> files;
  v1::Scheme scheme = v1::SCHEME_UNSPECIFIED;
  OutputForm form = OutputForm::kTable;
};

// One signed file, as JSON shows it.
struct Signed {
  std::string file;
  std::string signature_file;  // Empty: none was written.
  std::string signature;
  std::string key_id;
  std::uint32_t version;
  v1::Scheme scheme;
};

void PrintJson(std::ostream& out, const std::vector<Signed>& all) {
  JsonWriter json(out);
  json.BeginObject().Key("signatures").BeginArray();
  for (const Signed& each : all) {
    json.BeginObject().Key("file").String(each.file).Key("signatureFile");
    each.signature_file.empty() ? json.Null() : json.String(each.signature_file);
    json.Key("signature").String(Base64Encode(AsBytes(each.signature)));
    json.Key("keyId").String(each.key_id).Key("version").Number(each.version);
    json.Key("scheme").String(Word(each.scheme)).EndObject();
  }
  json.EndArray().EndObject().Finish();
}

// What was done, for whoever sits at a terminal; a script asked for no words.
void Tell(const Surroundings& surroundings, const std::string& key, const Signed& made) {
  if (!surroundings.err_is_terminal || made.signature_file.empty()) return;
  surroundings.err << fmt::format("Signed {} with {} version {} ({}): {}\n", Printable(made.file),
                                  Printable(key), made.version, Word(made.scheme),
                                  Printable(made.signature_file));
}

// Whether the output is the input, by whatever names.
bool IsSameFile(const std::string& in, const std::string& out) {
  std::error_code none;
  return in != "-" && std::filesystem::equivalent(in, out, none);
}

Status SignOne(Context& context, const SignOptions& options) {
  const Surroundings& surroundings = context.surroundings();
  const bool to_output = options.out.empty() || options.out == "-";
  const bool print_signature = to_output && options.form == OutputForm::kTable;
  if (print_signature && surroundings.out_is_terminal) {
    return Error(
        Code::kFailedPrecondition,
        "a signature is binary and would spoil the terminal; give --out FILE or --output json");
  }
  if (!to_output && IsSameFile(options.in, options.out)) {
    return Error(Code::kInvalidArgument,
                 "the signature would replace the file; give another --out");
  }
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Scheme scheme,
                            SchemeToSign(*remote, options.key, options.scheme));
  TWINSEAL_ASSIGN_OR_RETURN(const SchemeInputs inputs,
                            DigestFor(surroundings, options.in, {scheme}));

  v1::SignRequest request;
  request.set_key(options.key);
  request.set_scheme(scheme);
  request.set_digest(ToString(inputs.at(scheme)));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::SignResponse answer,
                            Call<v1::SignResponse>(*remote, "SigningService/Sign", request));
  const Signed made{options.in,         to_output ? "" : options.out,
                    answer.signature(), answer.key_id(),
                    answer.version(),   answer.scheme()};
  if (!to_output) TWINSEAL_RETURN_IF_ERROR(WriteFile(options.out, AsBytes(answer.signature())));
  if (options.form == OutputForm::kJson) {
    PrintJson(context.out(), {made});
  } else if (print_signature) {
    context.out() << answer.signature();
  }
  Tell(surroundings, options.key, made);
  return Ok();
}

// Signs `request`'s digests, which are of the files from `first` on, and writes each signature
// beside its file.
Status SignBatch(Context& context, Remote& remote, const SignOptions& options,
                 const v1::SignBatchRequest& request, std::size_t first, std::vector<Signed>& all) {
  TWINSEAL_ASSIGN_OR_RETURN(
      const v1::SignBatchResponse answer,
      Call<v1::SignBatchResponse>(remote, "SigningService/SignBatch", request));
  if (answer.signatures_size() != request.digests_size()) {
    return Error(
        Code::kInternal,
        fmt::format("the appliance gave {} for {}; report it",
                    Count(static_cast<std::uint64_t>(answer.signatures_size()), "signature"),
                    Count(static_cast<std::uint64_t>(request.digests_size()), "file")));
  }
  for (int i = 0; i < answer.signatures_size(); ++i) {
    const std::string& file = options.files[first + static_cast<std::size_t>(i)];
    const Signed made{
        file,           file + ".sig", answer.signatures(i), answer.key_id(), answer.version(),
        answer.scheme()};
    TWINSEAL_RETURN_IF_ERROR(WriteFile(made.signature_file, AsBytes(made.signature)));
    Tell(context.surroundings(), options.key, made);
    all.push_back(made);
  }
  return Ok();
}

Status SignMany(Context& context, const SignOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Scheme scheme,
                            SchemeToSign(*remote, options.key, options.scheme));
  // All files are read before the first signature is asked for: one that cannot be read stops the
  // whole.
  std::vector<Bytes> digests;
  for (const std::string& file : options.files) {
    TWINSEAL_ASSIGN_OR_RETURN(SchemeInputs inputs,
                              DigestFor(context.surroundings(), file, {scheme}));
    digests.push_back(std::move(inputs.at(scheme)));
  }
  std::vector<Signed> all;
  for (std::size_t first = 0; first < digests.size();) {
    v1::SignBatchRequest request;
    request.set_key(options.key);
    request.set_scheme(scheme);
    std::size_t bytes = 0;
    for (std::size_t i = first; i < digests.size() && request.digests_size() < kMaxBatch; ++i) {
      bytes += digests[i].size();
      if (bytes > kMaxBatchBytes && i > first) break;
      request.add_digests(ToString(digests[i]));
    }
    TWINSEAL_RETURN_IF_ERROR(SignBatch(context, *remote, options, request, first, all));
    first += static_cast<std::size_t>(request.digests_size());
  }
  if (options.form == OutputForm::kJson) PrintJson(context.out(), all);
  return Ok();
}

}  // namespace

void AddSign(CLI::App& root, Commands& commands) {
  const auto options = std::make_shared<SignOptions>();
  CLI::App* const app = root.add_subcommand(
      "sign", "Sign files; only their digests leave this machine (with ed25519 the files)");
  AddKeyName(*app, options->key, "--key");
  CLI::Option* const in =
      app->add_option("--in", options->in, "File to sign; - is the standard input")
          ->type_name(kFileType);
  CLI::Option* const out = app->add_option("--out", options->out,
                                           "Where the signature goes (default the standard output)")
                               ->type_name(kFileType);
  CLI::Option* const files =
      app->add_option("FILES", options->files, "Files to sign in one operation, each into FILE.sig")
          ->type_name(kFileType);
  files->excludes(in)->excludes(out);
  AddScheme(*app, options->scheme, "How to sign (default the key's usual scheme)");
  AddOutput(*app, options->form);
  app->footer(
      "Examples:\n"
      "  twinseal sign --key code-signing --in release.tar --out release.sig\n"
      "  tar c src | twinseal sign --key code-signing --in - > src.sig\n"
      "  twinseal sign --key code-signing *.deb\n"
      "Check one without Twinseal:\n"
      "  twinseal key public code-signing --out key.pem\n"
      "  openssl dgst -sha256 -verify key.pem -signature release.sig release.tar");
  app->callback([options, &commands] {
    if (options->files.empty()) {
      if (options->in.empty()) throw CLI::RequiredError("--in FILE, or files to sign,");
      const std::string name = options->in == "-" ? "the standard input" : Printable(options->in);
      commands.Select({fmt::format("signing {} with {}", name, Printable(options->key)),
                       [options](Context& context) { return SignOne(context, *options); }});
      return;
    }
    for (const std::string& file : options->files) {
      if (file == "-") throw CLI::ValidationError("FILES", "- is for --in alone");
    }
    const std::string names = options->files.size() == 1 ? Printable(options->files.front())
                                                         : Count(options->files.size(), "file");
    commands.Select({fmt::format("signing {} with {}", names, Printable(options->key)),
                     [options](Context& context) { return SignMany(context, *options); }});
  });
}

}  // namespace twinseal::cli
