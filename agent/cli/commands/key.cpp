// `twinseal key`: making, showing and listing keys. What changes them is in key_change.cpp.
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/key_change.h"
#include "agent/cli/commands/key_options.h"
#include "agent/cli/commands/key_print.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/files.h"
#include "agent/cli/json.h"
#include "agent/cli/paging.h"
#include "agent/cli/program.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"

namespace twinseal::cli {
namespace {

// The contract's largest page.
constexpr std::uint32_t kPageSize = 1000;

void AddCreate(CLI::App& group, Commands& commands) {
  struct Options {
    v1::Algorithm algorithm = v1::ALGORITHM_UNSPECIFIED;
    v1::Storage storage = v1::VAULT;
    std::string name;
    std::string request_id;
    PolicyOptions policy;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand("create", "Make a key");
  AddParsed(*app, "NAME", options->name, ParseText, "1 to 64 of a-z, 0-9, '.', '_' and '-'")
      ->type_name("")
      ->required();
  AddAlgorithm(*app, options->algorithm)->required();
  AddParsed(*app, "--storage", options->storage, ParseStorage,
            "vault: wrapped at rest; token: never leaves this one HSM (default vault)")
      ->type_name("vault|token");
  options->policy.AddTo(*app, false);
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->footer(
      "Example: twinseal key create code-signing --algorithm ec-p256 --application builder");
  app->callback([options, &commands] {
    options->policy.Check();
    commands.Select({fmt::format("making key {}", Printable(options->name)),
                     [options](Context& context) -> Status {
                       v1::CreateKeyRequest request;
                       request.set_request_id(options->request_id);
                       request.set_name(options->name);
                       request.set_algorithm(options->algorithm);
                       request.set_storage(options->storage);
                       options->policy.ApplyTo(*request.mutable_policy());
                       TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
                       TWINSEAL_ASSIGN_OR_RETURN(
                           const v1::Key key,
                           Call<v1::Key>(*remote, "KeyService/CreateKey", request));
                       if (options->form == OutputForm::kJson) {
                         PrintKey(context.out(), key, options->form);
                       } else {
                         context.out() << fmt::format(
                             "Made key {}: {}, version {}, id {}.\n", Printable(key.name()),
                             Word(key.algorithm()), key.current_version(), Printable(key.key_id()));
                       }
                       return Ok();
                     }});
  });
}

Result<std::vector<v1::Key>> ListAll(Remote& remote, bool include_destroyed) {
  std::vector<v1::Key> keys;
  v1::ListKeysRequest request;
  request.set_page_size(kPageSize);
  request.set_include_destroyed(include_destroyed);
  TWINSEAL_RETURN_IF_ERROR(ReadPages<v1::ListKeysResponse>(
      remote, "KeyService/ListKeys", request, [&](v1::ListKeysResponse page) {
        for (v1::Key& key : *page.mutable_keys()) keys.push_back(std::move(key));
      }));
  return keys;
}

void AddList(CLI::App& group, Commands& commands) {
  struct Options {
    bool all = false;
    bool names = false;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand("list", "List the keys that you may see");
  app->add_flag("--all", options->all, "Destroyed keys too");
  CLI::Option* const names = app->add_flag("--names", options->names, "Only the names, one a line");
  AddOutput(*app, options->form)->excludes(names);
  app->callback([options, &commands] {
    commands.Select({"listing keys", [options](Context& context) -> Status {
                       TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
                       TWINSEAL_ASSIGN_OR_RETURN(const std::vector<v1::Key> keys,
                                                 ListAll(*remote, options->all));
                       if (options->names) {
                         for (const v1::Key& key : keys)
                           context.out() << Printable(key.name()) << '\n';
                       } else {
                         PrintKeys(context.out(), keys, options->form);
                       }
                       return Ok();
                     }});
  });
}

void AddShow(CLI::App& group, Commands& commands) {
  struct Options {
    std::string key;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand("show", "Show a key, its policy and its versions");
  AddKeyName(*app, options->key);
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select(
        {"showing key " + Printable(options->key), [options](Context& context) -> Status {
           v1::GetKeyRequest request;
           request.set_key(options->key);
           TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
           TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key,
                                     Call<v1::Key>(*remote, "KeyService/GetKey", request));
           PrintKey(context.out(), key, options->form);
           return Ok();
         }});
  });
}

void AddPublic(CLI::App& group, Commands& commands) {
  struct Options {
    std::string key;
    std::uint32_t version = 0;
    std::string out;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand("public", "Print a key's public key in PEM");
  AddKeyName(*app, options->key);
  app->add_option("--version", options->version, "A version (default the current one)")
      ->type_name("N")
      ->check(CLI::Range(1U, 4'294'967'295U));
  app->add_option("--out", options->out, "Write it to a file instead")->type_name(kFileType);
  AddOutput(*app, options->form);
  app->footer("Example: twinseal key public code-signing --out code-signing.pub.pem");
  app->callback([options, &commands] {
    commands.Select(
        {"printing the public key of " + Printable(options->key),
         [options](Context& context) -> Status {
           v1::GetPublicKeyRequest request;
           request.set_key(options->key);
           request.set_version(options->version);
           TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
           TWINSEAL_ASSIGN_OR_RETURN(
               const v1::GetPublicKeyResponse answer,
               Call<v1::GetPublicKeyResponse>(*remote, "KeyService/GetPublicKey", request));
           if (!options->out.empty()) {
             TWINSEAL_RETURN_IF_ERROR(WriteFile(options->out, AsBytes(answer.public_key_pem())));
           }
           if (options->form == OutputForm::kJson) {
             JsonWriter(context.out()).Message(answer).Finish();
           } else if (options->out.empty()) {
             context.out() << answer.public_key_pem();
           }
           return Ok();
         }});
  });
}

}  // namespace

void AddKey(CLI::App& root, Commands& commands) {
  CLI::App* const group = root.add_subcommand("key", "Make, show, change and destroy keys");
  group->require_subcommand(1);
  AddCreate(*group, commands);
  AddList(*group, commands);
  AddShow(*group, commands);
  AddPublic(*group, commands);
  AddKeyChanges(*group, commands);
}

}  // namespace twinseal::cli
