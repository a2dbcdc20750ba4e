#include "agent/cli/commands/key_change.h"

#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/key_options.h"
#include "agent/cli/commands/key_print.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/program.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"

namespace twinseal::cli {
namespace {

// A change that names a key and nothing else.
struct Change {
  const char* command;
  const char* help;
  const char* procedure;
  const char* description;  // "rotating key"
  std::string (*sentence)(const v1::Key& key);
};

std::string RotatedSentence(const v1::Key& key) {
  return fmt::format("Rotated key {}: version {} signs from now on, older versions only verify.",
                     Printable(key.name()), key.current_version());
}

std::string StateSentence(const v1::Key& key) {
  return fmt::format("Key {} is {}.", Printable(key.name()), Word(key.state()));
}

std::string PendingSentence(const v1::Key& key) {
  return fmt::format(
      "Key {0} signs no more and will be destroyed at {1}; until then `twinseal key "
      "cancel-destruction {0}` "
      "keeps it.",
      Printable(key.name()), FormatUnixMs(key.destruction_unix_ms()));
}

std::string CancelledSentence(const v1::Key& key) {
  return fmt::format("Key {} is kept; it is {}.", Printable(key.name()), Word(key.state()));
}

constexpr Change kRotate = {"rotate", "Make a new version of a key, which signs from now on",
                            "KeyService/RotateKey", "rotating key", RotatedSentence};
constexpr Change kEnable = {"enable", "Let a disabled key sign again", "KeyService/EnableKey",
                            "enabling key", StateSentence};
constexpr Change kDisable = {"disable", "Stop a key from signing", "KeyService/DisableKey",
                             "disabling key", StateSentence};
constexpr Change kCancel = {"cancel-destruction", "Keep a key that is pending destruction",
                            "KeyService/CancelKeyDestruction", "cancelling the destruction of key",
                            CancelledSentence};

void Report(Context& context, const v1::Key& key, OutputForm form, const std::string& sentence) {
  WarnOfUninformed(context.surroundings().err, key);
  if (form == OutputForm::kJson) {
    PrintKey(context.out(), key, form);
  } else {
    context.out() << sentence << '\n';
  }
}

void AddChange(CLI::App& group, Commands& commands, const Change& change) {
  struct Options {
    std::string key;
    std::string request_id;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand(change.command, change.help);
  AddKeyName(*app, options->key);
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->callback([options, change, &commands] {
    commands.Select({fmt::format("{} {}", change.description, Printable(options->key)),
                     [options, change](Context& context) -> Status {
                       v1::ChangeKeyRequest request;
                       request.set_request_id(options->request_id);
                       request.set_key(options->key);
                       TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
                       TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key,
                                                 Call<v1::Key>(*remote, change.procedure, request));
                       Report(context, key, options->form, change.sentence(key));
                       return Ok();
                     }});
  });
}

struct DestroyOptions {
  std::string key;
  std::chrono::seconds wait{-1};
  bool now = false;
  std::string request_id;
  OutputForm form = OutputForm::kTable;
};

Status Destroy(Context& context, const DestroyOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
  if (options.now) {
    v1::ChangeKeyRequest request;
    request.set_request_id(options.request_id);
    request.set_key(options.key);
    TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key,
                              Call<v1::Key>(*remote, "KeyService/DestroyKey", request));
    Report(context, key, options.form, StateSentence(key));
    return Ok();
  }
  v1::ScheduleKeyDestructionRequest request;
  request.set_request_id(options.request_id);
  request.set_key(options.key);
  // ParseDuration's limit of 100 years fits into 32 bits.
  if (options.wait.count() >= 0)
    request.set_wait_seconds(static_cast<std::uint32_t>(options.wait.count()));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key,
                            Call<v1::Key>(*remote, "KeyService/ScheduleKeyDestruction", request));
  Report(context, key, options.form, PendingSentence(key));
  return Ok();
}

void AddDestroy(CLI::App& group, Commands& commands) {
  const auto options = std::make_shared<DestroyOptions>();
  CLI::App* const app = group.add_subcommand("destroy", "Destroy a key after a waiting period");
  AddKeyName(*app, options->key);
  CLI::Option* const wait = AddDuration(*app, "--wait", options->wait,
                                        "How long the key can still be kept, as 30d or 12h "
                                        "(default 30d; its policy may ask for more)");
  app->add_flag(
         "--now", options->now,
         "Destroy a key whose waiting period is over, which the appliance soon does by itself")
      ->excludes(wait);
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->footer(
      "Examples:\n"
      "  twinseal key destroy code-signing --wait 30d   stops it now, destroys it in 30 days\n"
      "  twinseal key cancel-destruction code-signing   keeps it after all\n"
      "  twinseal key destroy code-signing --now        the moment the waiting period is over");
  app->callback([options, &commands] {
    commands.Select({"destroying key " + Printable(options->key),
                     [options](Context& context) { return Destroy(context, *options); }});
  });
}

Result<v1::Key> GetKey(Remote& remote, const std::string& name) {
  v1::GetKeyRequest request;
  request.set_key(name);
  return Call<v1::Key>(remote, "KeyService/GetKey", request);
}

void AddPolicyShow(CLI::App& group, Commands& commands) {
  struct Options {
    std::string key;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand("show", "Show what a key may be used for");
  AddKeyName(*app, options->key);
  AddOutput(*app, options->form);
  app->callback([options, &commands] {
    commands.Select({"showing the policy of key " + Printable(options->key),
                     [options](Context& context) -> Status {
                       TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
                       TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key, GetKey(*remote, options->key));
                       PrintPolicy(context.out(), key.policy(), options->form);
                       return Ok();
                     }});
  });
}

void AddPolicySet(CLI::App& group, Commands& commands) {
  struct Options {
    std::string key;
    PolicyOptions policy;
    std::string request_id;
    OutputForm form = OutputForm::kTable;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* const app = group.add_subcommand(
      "set", "Change what a key may be used for; what is not named stays as it is");
  AddKeyName(*app, options->key);
  options->policy.AddTo(*app, true);
  AddRequestId(*app, options->request_id);
  AddOutput(*app, options->form);
  app->footer(
      "Lists are replaced, not added to. What is said of a site, with the options that end in\n"
      "-at, takes the place of the rest there; what is not said of it is as elsewhere.\n"
      "Examples:\n"
      "  twinseal key policy set code-signing --application builder --application nightly\n"
      "  twinseal key policy set code-signing --no-application-at b --isolation-at b=stop\n"
      "  twinseal key policy set code-signing --as-elsewhere b");
  app->callback([options, &commands] {
    if (!options->policy.any())
      throw CLI::RequiredError("at least one change, as --application NAME,");
    options->policy.Check();
    commands.Select(
        {"changing the policy of key " + Printable(options->key),
         [options](Context& context) -> Status {
           TWINSEAL_ASSIGN_OR_RETURN(Remote* const remote, context.remote());
           TWINSEAL_ASSIGN_OR_RETURN(const v1::Key before, GetKey(*remote, options->key));
           v1::SetKeyPolicyRequest request;
           request.set_request_id(options->request_id);
           request.set_key(options->key);
           *request.mutable_policy() = before.policy();
           options->policy.ApplyTo(*request.mutable_policy());
           TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key,
                                     Call<v1::Key>(*remote, "KeyService/SetKeyPolicy", request));
           WarnOfUninformed(context.surroundings().err, key);
           PrintChangedPolicy(context.out(), key, options->form);
           return Ok();
         }});
  });
}

}  // namespace

void AddKeyChanges(CLI::App& group, Commands& commands) {
  for (const Change& change : {kRotate, kEnable, kDisable}) AddChange(group, commands, change);
  CLI::App* const policy =
      group.add_subcommand("policy", "Show or change what a key may be used for");
  policy->require_subcommand(1);
  AddPolicyShow(*policy, commands);
  AddPolicySet(*policy, commands);
  AddDestroy(group, commands);
  AddChange(group, commands, kCancel);
}

}  // namespace twinseal::cli
