// twinseald: the appliance's service. Puts the parts together, and ends in good order.
#include <csignal>
#include <cstdlib>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "common/base/standard_streams.h"
#include "firmware/service/appliance/kept_pin.h"
#include "firmware/service/appliance/running.h"
#include "firmware/service/initialize/setup.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {
namespace {

// It never holds key material, but it does hold the TLS key and what clients send.
void Harden() {
  umask(077);
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void StartLog(const std::string& level) {
  auto logger = spdlog::stderr_logger_mt("service");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z twinseald %l %v");
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

// Blocked before any thread is there, so that all threads inherit it and only sigwait takes them.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kRestartSignal}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  (void)std::signal(SIGPIPE, SIG_IGN);
  // A file-size limit is met as a full disk is: by the error of the write.
  (void)std::signal(SIGXFSZ, SIG_IGN);
  return signals;
}

// The signal that ends this life.
int WaitForEnd(const sigset_t& signals, Running& running) {
  for (;;) {
    int signal = 0;
    if (sigwait(&signals, &signal) != 0) continue;
    if (signal != SIGHUP) return signal;
    running.Reload();
  }
}

int Serve(const Options& options, const sigset_t& signals) {
  const Result<KeptPin> pin = KeptPin::Take(options);
  if (!pin.ok()) {
    spdlog::error("{}", pin.error().Describe());
    return EXIT_FAILURE;
  }
  for (;;) {
    Result<std::unique_ptr<Running>> running = StartRunning(pin->For(options));
    if (!running.ok()) {
      spdlog::error("{}", running.error().Describe());
      return EXIT_FAILURE;
    }
    const int signal = WaitForEnd(signals, **running);
    spdlog::info(signal == kRestartSignal ? "starting again" : "stopping");
    (*running)->Stop();
    if (signal != kRestartSignal) return EXIT_SUCCESS;
  }
}

}  // namespace
}  // namespace twinseal::service

int main(int argc, char** argv) {
  using namespace twinseal::service;
  twinseal::OpenStandardStreams();
  Harden();
  int exit_status = EXIT_SUCCESS;
  const std::optional<Options> options = ParseOptions(argc, argv, exit_status);
  if (!options) return exit_status;
  StartLog(options->log_level);
  const sigset_t signals = BlockSignals();
  return options->initialize ? RunSetUp(*options) : Serve(*options, signals);
}
