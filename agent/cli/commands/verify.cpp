// `twinseal verify`: checks a signature here, with the public keys that the appliance tells.
#include <algorithm>
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
#include "common/crypto/public_key.h"

namespace twinseal::cli {
namespace {

// The longest signature there is has 512 bytes (rsa-4096); more is some other file.
constexpr std::size_t kMaxSignatureBytes = 4096;

struct VerifyOptions {
  std::string key;
  std::string in;
  std::string signature;
  std::uint32_t version = 0;
  v1::Scheme scheme = v1::SCHEME_UNSPECIFIED;
  OutputForm form = OutputForm::kTable;
};

struct Match {
  std::uint32_t version;
  v1::Scheme scheme;
};

// The versions to try, the newest first.
Result<std::vector<v1::KeyVersionInfo>> VersionsToTry(const v1::Key& key, std::uint32_t wanted) {
  std::vector<v1::KeyVersionInfo> versions;
  for (const v1::KeyVersionInfo& version : key.versions()) {
    if (wanted == 0 || version.version() == wanted) versions.push_back(version);
  }
  if (versions.empty()) {
    return Error(Code::kNotFound,
                 wanted == 0
                     ? "the appliance tells no public key of this key"
                     : fmt::format("the key has no version {}; `twinseal key show {}` shows them",
                                   wanted, Printable(key.name())));
  }
  std::sort(versions.begin(), versions.end(),
            [](const auto& a, const auto& b) { return a.version() > b.version(); });
  return versions;
}

Result<std::optional<Match>> Find(const std::vector<v1::KeyVersionInfo>& versions,
                                  const SchemeInputs& inputs, BytesView signature) {
  for (const v1::KeyVersionInfo& version : versions) {
    TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey key,
                              crypto::PublicKey::FromDer(AsBytes(version.public_key_der())));
    for (const auto& [scheme, input] : inputs) {
      if (key.Verify(scheme, input, signature).ok())
        return std::optional<Match>({version.version(), scheme});
    }
  }
  return std::optional<Match>();
}

void Print(Context& context, const VerifyOptions& options, const v1::Key& key,
           const std::optional<Match>& match) {
  if (options.form == OutputForm::kJson) {
    JsonWriter json(context.out());
    json.BeginObject().Key("valid").Bool(match.has_value());
    json.Key("keyId").String(key.key_id()).Key("name").String(key.name());
    json.Key("state").String(Word(key.state()));
    if (match) json.Key("version").Number(match->version).Key("scheme").String(Word(match->scheme));
    json.EndObject().Finish();
  } else if (match) {
    const std::string now =
        key.state() == v1::ENABLED ? "" : fmt::format("; the key is {} now", Word(key.state()));
    context.out() << fmt::format("Good: {} was signed by key {}, version {} ({}){}.\n",
                                 options.in == "-" ? "the standard input" : Printable(options.in),
                                 Printable(key.name()), match->version, Word(match->scheme), now);
  }
}

Status Verify(Context& context, const VerifyOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes signature, ReadFile(options.signature, kMaxSignatureBytes));
  if (signature.empty()) {
    return Error(Code::kInvalidArgument,
                 fmt::format("{} is empty; it is no signature", Printable(options.signature)));
  }
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  v1::GetKeyRequest request;
  request.set_key(options.key);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key,
                            Call<v1::Key>(*remote, "KeyService/GetKey", request));
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<v1::KeyVersionInfo> versions,
                            VersionsToTry(key, options.version));
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<v1::Scheme> schemes,
                            SchemesToVerify(key, options.scheme));
  TWINSEAL_ASSIGN_OR_RETURN(const SchemeInputs inputs,
                            DigestFor(context.surroundings(), options.in, schemes));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<Match> match, Find(versions, inputs, signature));
  Print(context, options, key, match);
  if (match) return Ok();
  return Error(Code::kDataLoss,
               fmt::format("{} is not its signature by {} of the key; check that file, signature "
                           "and key belong together",
                           Printable(options.signature),
                           options.version == 0 ? "any version"
                                                : fmt::format("version {}", options.version)));
}

}  // namespace

void AddVerify(CLI::App& root, Commands& commands) {
  const auto options = std::make_shared<VerifyOptions>();
  CLI::App* const app =
      root.add_subcommand("verify", "Check a signature against each version of a key");
  AddKeyName(*app, options->key, "--key");
  app->add_option("--in", options->in, "File that was signed; - is the standard input")
      ->type_name(kFileType)
      ->required();
  app->add_option("--signature", options->signature, "File that holds the signature")
      ->type_name(kFileType)
      ->required();
  app->add_option("--version", options->version,
                  "Try this version alone (default each, the newest first)")
      ->type_name("N")
      ->check(CLI::Range(1U, 4'294'967'295U));
  AddScheme(*app, options->scheme, "Try this scheme alone (default each that fits the key)");
  AddOutput(*app, options->form);
  app->footer(
      "Example: twinseal verify --key code-signing --in release.tar --signature release.sig");
  app->callback([options, &commands] {
    const std::string name = options->in == "-" ? "the standard input" : Printable(options->in);
    commands.Select({fmt::format("verifying {} with {}", name, Printable(options->key)),
                     [options](Context& context) { return Verify(context, *options); }});
  });
}

}  // namespace twinseal::cli
