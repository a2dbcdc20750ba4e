// twinseal-agent: the third place of a pair. Puts the parts together, and ends in good order.
#include <csignal>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/daemon/alarm_board.h"
#include "agent/daemon/health.h"
#include "agent/daemon/options.h"
#include "agent/daemon/pair_life.h"
#include "agent/daemon/routes.h"
#include "agent/daemon/server_certificate.h"
#include "common/base/own_folder.h"
#include "common/base/standard_streams.h"
#include "common/connect/server.h"
#include "common/crypto/provisional_tls.h"

namespace twinseal::agent {
namespace {

constexpr std::chrono::milliseconds kLockWait{2'000};
constexpr std::chrono::milliseconds kDrain{1'000};

// It holds the keys of its TLS and its member in memory.
void Harden() {
  umask(077);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void StartLog(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("agent");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z twinseal-agent %l %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

// Blocked before any thread is there, so that all threads inherit it and only sigwait takes them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  (void)std::signal(SIGHUP, SIG_IGN);
  // A file-size limit is met as a full disk is: by the error of the write.
  (void)std::signal(SIGXFSZ, SIG_IGN);
  return signals;
}

void WaitForEnd(const sigset_t& signals) {
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
}

Status Serve(const Options& options, const sigset_t& signals) {
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(options.data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd lock, LockFolder(options.data_dir, kLockWait));
  AlarmBoard alarms(UnixMilliseconds, [](const std::string& line) { spdlog::warn("{}", line); });
  Health health(options.name, TWINSEAL_VERSION, alarms);
  ServerCertificate certificate;
  TWINSEAL_ASSIGN_OR_RETURN(
      ServerCertificate::Tls provisional,
      crypto::MakeProvisionalTls(
          "Twinseal, not paired yet", std::nullopt,
          std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now())));
  certificate.Use(std::move(provisional));
  connect::ServerOptions server_options;
  server_options.address = options.address;
  server_options.port = options.port;
  server_options.threads = 1;  // It answers a few questions a minute.
  server_options.tls = [&certificate] { return certificate.Current(); };
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<connect::Server> server,
                            connect::Server::Start(std::move(server_options), MakeRouter(health)));
  PairLife life(options, alarms, health, certificate);
  if (!options.ready_file.empty()) {
    TWINSEAL_RETURN_IF_ERROR(WriteFileAtomically(
        options.ready_file,
        fmt::format("{{\"port\": {}, \"pid\": {}}}\n", server->port(), getpid())));
  }
  spdlog::info("listening on {}, port {}", options.address, server->port());
  WaitForEnd(signals);
  spdlog::info("stopping");
  std::error_code ignored;
  if (!options.ready_file.empty()) std::filesystem::remove(options.ready_file, ignored);
  server->Stop(kDrain);
  life.Stop();
  return Ok();
}

}  // namespace
}  // namespace twinseal::agent

int main(int argc, char** argv) {
  using namespace twinseal::agent;
  twinseal::OpenStandardStreams();
  Harden();
  int exit_status = EXIT_SUCCESS;
  const std::optional<Options> options = ParseOptions(argc, argv, exit_status);
  if (!options) return exit_status;
  StartLog(options->log_level);
  const sigset_t signals = BlockSignals();
  const twinseal::Status served = Serve(*options, signals);
  if (served.ok()) return EXIT_SUCCESS;
  spdlog::error("{}", served.error().Describe());
  return EXIT_FAILURE;
}
