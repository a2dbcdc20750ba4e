// `twinseal appliance init`: sets an appliance up, on the appliance itself.
#include <array>
#include <cerrno>
#include <memory>
#include <optional>

#include <CLI/CLI.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "agent/cli/commands/commands.h"
#include "agent/cli/commands/options.h"
#include "agent/cli/files.h"
#include "agent/cli/identity.h"
#include "agent/cli/json.h"
#include "agent/cli/program.h"
#include "agent/cli/prompt.h"
#include "agent/cli/setup_process.h"
#include "agent/cli/text.h"
#include "common/base/types.h"

namespace twinseal::cli {
namespace {

// Stays clear of the numbers that a shell gives to redirections.
constexpr int kLowestDescriptor = 10;

struct InitOptions {
  std::string config_file = "/etc/twinseal/twinseald.conf";
  std::string token_label;
  std::string operator_name = "operator";
  std::string folder = ".";
  std::string program;
  bool join = false;
  int pin = -1;
  int so_pin = -1;
  OutputForm form = OutputForm::kTable;
};

// The twinseald of the same installation.
Result<std::string> ProgramBeside() {
  std::array<char, 4096> path{};
  const ssize_t size = readlink("/proc/self/exe", path.data(), path.size());
  if (size < 0 || static_cast<std::size_t>(size) == path.size()) {
    return Error(Code::kNotFound, "twinseald cannot be found; name the program with --twinseald");
  }
  const std::string own(path.data(), static_cast<std::size_t>(size));
  return own.substr(0, own.rfind('/')) + "/twinseald";
}

// A pipe that holds the secret already and ends behind it. A pipe takes 4096 bytes without a reader
// (POSIX PIPE_BUF).
Result<UniqueFd> PipeHolding(const Secret& secret) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return Error(Code::kUnavailable, "no pipe could be made: " + SystemMessage(errno));
  UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  const BytesView bytes = secret.Reveal(SecretAccess());
  if (write(writing.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    return Error(Code::kUnavailable, "the PIN could not be handed on: " + SystemMessage(errno));
  }
  return reading;
}

// From the user's descriptor when there is one, else from the terminal.
Result<UniqueFd> PinFrom(int descriptor, const char* option, const std::string& terminal,
                         const std::string& question) {
  if (descriptor < 0) {
    TWINSEAL_ASSIGN_OR_RETURN(const Secret secret, AskNewSecret(terminal, question));
    return PipeHolding(secret);
  }
  UniqueFd copy(fcntl(descriptor, F_DUPFD_CLOEXEC, kLowestDescriptor));
  if (!copy.valid()) {
    return Error(Code::kInvalidArgument,
                 fmt::format("{} {} is no open descriptor; open it, as in {} {}< FILE", option,
                             descriptor, option, descriptor));
  }
  // The child gets the copy alone.
  (void)fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return copy;
}

void Print(std::ostream& out, const InitOptions& options, const IdentityFiles& files,
           const v1::InitializeResponse& answer) {
  if (options.form == OutputForm::kJson) {
    JsonWriter json(out);
    json.BeginObject().Key("operator").String(options.operator_name);
    json.Key("keyFile")
        .String(files.key_path())
        .Key("certificateFile")
        .String(files.certificate_path());
    json.Key("caFile").String(files.ca_path());
    json.Key("identityFingerprint").String(answer.identity_fingerprint()).EndObject().Finish();
    return;
  }
  out << fmt::format(
      "The appliance is set up: token, domain and site keys, identity key, operator CA.\n"
      "Identity fingerprint (SHA-256; note it, it proves this appliance when sites are paired):\n"
      "  {}\n"
      "Operator {}:\n"
      "  key          {}   (keep it safe; it is nowhere else)\n"
      "  certificate  {}\n"
      "  CA           {}\n"
      "Next:\n"
      "  1. start the appliance: twinseald --config {}\n"
      "  2. export TWINSEAL_ENDPOINTS=https://HOST:PORT TWINSEAL_KEY={} \\\n"
      "       TWINSEAL_CERTIFICATE={} TWINSEAL_CA={}\n"
      "  3. twinseal status\n",
      Printable(answer.identity_fingerprint()), options.operator_name, Printable(files.key_path()),
      Printable(files.certificate_path()), Printable(files.ca_path()),
      Printable(options.config_file), Printable(files.key_path()),
      Printable(files.certificate_path()), Printable(files.ca_path()));
}

void PrintJoiner(std::ostream& out, const InitOptions& options,
                 const v1::InitializeResponse& answer) {
  if (options.form == OutputForm::kJson) {
    JsonWriter json(out);
    json.BeginObject().Key("identityFingerprint").String(answer.identity_fingerprint());
    json.EndObject().Finish();
    return;
  }
  out << fmt::format(
      "The appliance is set up to join a pair: token, site key, identity key.\n"
      "Identity fingerprint (SHA-256; note it, it proves this appliance when it is paired):\n"
      "  {0}\n"
      "Next:\n"
      "  1. start the appliance: twinseald --config {1}\n"
      "  2. on the agent's host: twinseal pair create --joiner https://HOST:PORT\n"
      "  3. here, and at the other appliance: twinseal pair confirm --config {1}\n",
      Printable(answer.identity_fingerprint()), Printable(options.config_file));
}

// The program and what it is told, but for the PINs. What can be refused is refused before anybody
// types one.
Result<SetupProgram> PrepareSetup(const InitOptions& options) {
  SetupProgram setup;
  setup.program = options.program;
  if (setup.program.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(setup.program, ProgramBeside());
  }
  setup.config_file = options.config_file;
  setup.token_label = options.token_label;
  { TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd readable, OpenForReading(options.config_file)); }
  return setup;
}

Status AskPins(const std::string& terminal, const InitOptions& options, SetupProgram& setup) {
  TWINSEAL_ASSIGN_OR_RETURN(setup.so_pin, PinFrom(options.so_pin, "--so-pin-fd", terminal,
                                                  "Security officer's PIN for the token"));
  TWINSEAL_ASSIGN_OR_RETURN(
      setup.pin, PinFrom(options.pin, "--pin-fd", terminal, "PIN that the appliance signs with"));
  return Ok();
}

Status InitializeJoiner(Context& context, const InitOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(SetupProgram setup, PrepareSetup(options));
  TWINSEAL_RETURN_IF_ERROR(AskPins(context.surroundings().terminal, options, setup));
  v1::InitializeRequest request;
  request.set_join(true);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::InitializeResponse answer,
                            RunSetup(std::move(setup), request));
  PrintJoiner(context.out(), options, answer);
  return Ok();
}

Status Initialize(Context& context, const InitOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(SetupProgram setup, PrepareSetup(options));
  TWINSEAL_ASSIGN_OR_RETURN(IdentityFiles files,
                            IdentityFiles::Create(options.folder, "operator", true));
  TWINSEAL_RETURN_IF_ERROR(AskPins(context.surroundings().terminal, options, setup));
  v1::InitializeRequest request;
  request.set_operator_name(options.operator_name);
  TWINSEAL_ASSIGN_OR_RETURN(*request.mutable_operator_csr_pem(),
                            files.MakeKey(options.operator_name));
  TWINSEAL_ASSIGN_OR_RETURN(const v1::InitializeResponse answer,
                            RunSetup(std::move(setup), request));
  TWINSEAL_RETURN_IF_ERROR(files.Write(answer.operator_certificate_pem(), answer.ca_pem()));
  Print(context.out(), options, files, answer);
  return Ok();
}

}  // namespace

void AddAppliance(CLI::App& root, Commands& commands) {
  CLI::App* const group =
      root.add_subcommand("appliance", "Set up the appliance that this runs on");
  group->require_subcommand(1);
  const auto options = std::make_shared<InitOptions>();
  CLI::App* const app = group->add_subcommand(
      "init", "Make the token, the keys, the operator CA and the first operator");
  app->add_option("--config", options->config_file,
                  "twinseald's configuration (default /etc/twinseal/twinseald.conf)")
      ->type_name(kFileType);
  app->add_option("--token-label", options->token_label,
                  "The token's label (default as the configuration says)")
      ->type_name("LABEL");
  CLI::Option* const join =
      app->add_flag("--join", options->join,
                    "Set it up to join another appliance's domain: no domain, no operator");
  AddParsed(
      *app, "--operator", options->operator_name,
      [](const std::string& text) -> Result<std::string> {
        TWINSEAL_ASSIGN_OR_RETURN(const KeyName name, KeyName::Parse(text));
        return name.text();
      },
      "The first operator's name (default operator)")
      ->type_name("NAME")
      ->excludes(join);
  app->add_option("--out-dir", options->folder,
                  "Where operator.key, operator.pem and ca.pem go (default .)")
      ->type_name(kFolderType)
      ->excludes(join);
  app->add_option("--pin-fd", options->pin,
                  "Read the PIN from this descriptor (default: ask twice)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--so-pin-fd", options->so_pin,
                  "Read the security officer's PIN from this descriptor (default: ask twice)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app->add_option("--twinseald", options->program,
                  "The service's program (default the one beside this program)")
      ->type_name(kFileType);
  AddOutput(*app, options->form);
  app->footer(
      "Examples:\n"
      "  twinseal appliance init --config /etc/twinseal/twinseald.conf --out-dir ~/twinseal\n"
      "  twinseal appliance init --pin-fd 3 --so-pin-fd 4 3< pin 4< so-pin\n"
      "  twinseal appliance init --join");
  app->callback([options, &commands] {
    commands.Select({"setting up the appliance", [options](Context& context) {
                       return options->join ? InitializeJoiner(context, *options)
                                            : Initialize(context, *options);
                     }});
  });
}

}  // namespace twinseal::cli
