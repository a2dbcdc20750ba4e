// twinseal-core: the process that loads the PKCS#11 module. Puts the parts together; the only place
// that names them all.
#include <atomic>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/base/types.h"
#include "firmware/core/channel/frame_writer.h"
#include "firmware/core/keys/key_engine.h"
#include "firmware/core/pin/guarded_pin.h"
#include "firmware/core/pin/pin_input.h"
#include "firmware/core/process/core_status.h"
#include "firmware/core/process/engine_executor.h"
#include "firmware/core/process/exit_mapping.h"
#include "firmware/core/process/initializer.h"
#include "firmware/core/process/options.h"
#include "firmware/core/process/server.h"
#include "firmware/core/process/state_folder.h"
#include "firmware/core/sandbox/environment.h"
#include "firmware/core/sandbox/memory.h"
#include "firmware/core/sandbox/syscalls.h"
#include "firmware/core/scheduler/scheduler.h"
#include "firmware/core/setup/appliance_keys.h"
#include "firmware/core/vault/vault.h"
#include "firmware/core_protocol/exit_status.h"

#if defined(__SANITIZE_ADDRESS__)
// Leak checking traces the process at its end, which the sandbox forbids.
extern "C" __attribute__((visibility("default"))) const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
#endif

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;

CoreExit Fail(const Error& error, CoreExit otherwise) {
  spdlog::error("{}", error.Describe());
  return ExitFor(error, otherwise);
}

void StartLog(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("core");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z core %l %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

// What the process has once it is locked down.
struct Ground {
  Secret pin;
  std::optional<Secret> so_pin;
  std::string memory_lock;
};

// From here on the process has only what it needs. In this order: the environment is read before it
// is scrubbed, and system calls are restricted before anything of the module runs.
Result<Ground> LockDown(const Options& options) {
  const char* const credentials = std::getenv("CREDENTIALS_DIRECTORY");
  const std::optional<std::string> credentials_directory =
      credentials == nullptr ? std::nullopt : std::optional<std::string>(credentials);
  std::vector<int> kept = {options.channel_fd};
  if (options.pin_fd) kept.push_back(*options.pin_fd);
  if (options.so_pin_fd) kept.push_back(*options.so_pin_fd);
  TWINSEAL_RETURN_IF_ERROR(CloseOtherDescriptors(kept));
  TWINSEAL_RETURN_IF_ERROR(ScrubEnvironment(options.module_environment));
  TWINSEAL_RETURN_IF_ERROR(ForbidInspection());
  Ground ground;
  ground.memory_lock = LockMemory();
  TWINSEAL_ASSIGN_OR_RETURN(ground.pin, FindPin(options.pin_fd, credentials_directory));
  if (options.pin_fd) close(*options.pin_fd);
  if (options.so_pin_fd) {
    // NSS softokn's security officer has an empty PIN.
    auto so_pin = ReadPin(*options.so_pin_fd);
    ground.so_pin = so_pin.ok() ? std::move(so_pin).value() : Secret();
    close(*options.so_pin_fd);
  }
  TWINSEAL_RETURN_IF_ERROR(RestrictSystemCalls());
  return ground;
}

hsm::ConnectionOptions ConnectionOptionsFor(const Options& options, hsm::TokenSelector token) {
  hsm::ConnectionOptions connection;
  connection.module = {.path = options.module_path, .init_string = options.module_arguments};
  connection.token = std::move(token);
  connection.on_loss = [](const Error& error) {
    spdlog::warn("the HSM was lost: {}", error.Describe());
  };
  connection.on_event = [](const std::string& event) { spdlog::info("{}", event); };
  return connection;
}

// Connects, checks what the token has and can do, and makes the engine ready. The session that this
// takes is given back.
Status PrepareEngine(hsm::Connection& connection, KeyEngine& engine) {
  const hsm::ThreadCryptoContext crypto;
  const std::unique_ptr<hsm::Session> session = connection.NewSession();
  TWINSEAL_RETURN_IF_ERROR(session->Ensure());
  TWINSEAL_RETURN_IF_ERROR(CheckApplianceKeys(*session));
  Workbench bench(*session);
  TWINSEAL_RETURN_IF_ERROR(engine.Prepare(bench));
  const auto capabilities = engine.capabilities();
  for (const hsm::Capability& finding : capabilities->findings()) {
    if (!finding.available)
      spdlog::info("the token cannot do {}: {}", finding.name, finding.reason);
  }
  return CheckToken(*session, *capabilities);
}

// Tells the token what the vault holds, so that an older vault put back is noticed at the next
// start.
void AnchorVault(hsm::Connection& connection, KeyEngine& engine) {
  const hsm::ThreadCryptoContext crypto;
  const std::unique_ptr<hsm::Session> session = connection.NewSession();
  Workbench bench(*session);
  if (const Status anchored = engine.Anchor(bench); !anchored.ok()) {
    spdlog::warn("the token was not told the vault's state: {}", anchored.error().Describe());
  }
}

// Ends the process although threads may be stuck in the module: they cannot be joined, and exit
// handlers would run beside them.
[[noreturn]] void Leave(CoreExit status) {
  spdlog::default_logger()->flush();
  _exit(static_cast<int>(status));
}

CoreExit Serve(const Options& options, const SiteName& site,
               const std::filesystem::path& vault_folder, const Ground& ground,
               const hsm::ConnectionOptions& connection_options, hsm::PinSource& pin) {
  hsm::Connection connection(connection_options, pin);
  if (const Status connected = connection.Connect(); !connected.ok()) {
    return Fail(connected.error(), CoreExit::kModuleMissing);
  }
  auto vault = Vault::Open(vault_folder);
  if (!vault.ok()) return Fail(vault.error(), CoreExit::kVaultUnusable);
  KeyEngine engine(std::move(vault).value(), site);
  if (const Status prepared = PrepareEngine(connection, engine); !prepared.ok()) {
    return Fail(prepared.error(), prepared.error().code() == Code::kDataLoss
                                      ? CoreExit::kVaultUnusable
                                      : CoreExit::kFailed);
  }

  FrameWriter writer(options.channel_fd);
  const auto leave_hung = [&writer] {
    spdlog::error("{}", core_protocol::Describe(CoreExit::kHsmHung));
    writer.Flush();
    Leave(CoreExit::kHsmHung);
  };
  SchedulerOptions scheduling;
  scheduling.workers = options.sessions;
  Scheduler scheduler(
      scheduling, [&] { return std::make_unique<EngineExecutor>(connection, engine, leave_hung); },
      writer, leave_hung);
  Server server(options.channel_fd, scheduler, writer, [&] {
    return DescribeCore(connection, engine, scheduler.state(), ground.memory_lock);
  });
  spdlog::info("serving with {} HSM sessions; {} keys in the vault; memory locked: {}",
               options.sessions, engine.vault().size(), ground.memory_lock);
  const Status served = server.Serve();
  CoreExit status = CoreExit::kDone;
  if (!served.ok()) status = Fail(served.error(), CoreExit::kProtocolError);
  if (scheduler.state().hung > 0) Leave(status);
  AnchorVault(connection, engine);
  return status;
}

CoreExit Run(const Options& options) {
  Result<Ground> ground = LockDown(options);
  if (!ground.ok()) return Fail(ground.error(), CoreExit::kSandboxFailed);
  auto token = hsm::TokenSelector::Parse(options.token);
  if (!token.ok()) return Fail(token.error().Within("--token"), CoreExit::kUsage);
  const auto site = SiteName::Parse(options.site);
  if (!site.ok()) return Fail(site.error().Within("--site"), CoreExit::kUsage);
  const std::filesystem::path state = options.data_dir / "core";
  const std::filesystem::path vault = options.data_dir / "vault";
  for (const std::filesystem::path& folder : {options.data_dir, state}) {
    if (const Status used = UseFolder(folder); !used.ok())
      return Fail(used.error(), CoreExit::kVaultUnusable);
  }
  const hsm::ConnectionOptions connection = ConnectionOptionsFor(options, *token);
  // Setting up needs the PIN a second time, for a token that has none yet.
  Secret new_pin = options.initialize ? Secret(ground->pin.Reveal(SecretAccess())) : Secret();
  GuardedPin pin(std::move(ground->pin), PinRecord(state, token->Describe()),
                 [](const Error& error) { spdlog::error("{}", error.Describe()); });
  if (!options.initialize) return Serve(options, *site, vault, *ground, connection, pin);

  FrameWriter writer(options.channel_fd);
  Initializer initializer(
      {.connection = connection, .vault_folder = vault, .so_pin = std::move(ground->so_pin)},
      std::move(new_pin), pin);
  const Status served = initializer.Serve(options.channel_fd, writer);
  return served.ok() ? CoreExit::kDone : Fail(served.error(), CoreExit::kProtocolError);
}

}  // namespace
}  // namespace twinseal::core

int main(int argc, char** argv) {
  using twinseal::core_protocol::CoreExit;
  // A closed socket or log is an error of that call, not the end of the process.
  (void)signal(SIGPIPE, SIG_IGN);
  // A file-size limit is met as a full disk is: by the error of the write.
  (void)signal(SIGXFSZ, SIG_IGN);
  try {
    int exit_status = 0;
    const auto options = twinseal::core::ParseOptions(argc, argv, exit_status);
    if (!options) return exit_status;
    twinseal::core::StartLog(options->log_level);
    return static_cast<int>(twinseal::core::Run(*options));
  } catch (const std::exception& exception) {
    spdlog::critical("the signing core failed: {}", exception.what());
    return static_cast<int>(CoreExit::kFailed);
  }
}
