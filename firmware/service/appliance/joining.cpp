#include "firmware/service/appliance/joining.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/base/own_folder.h"
#include "common/connect/server.h"
#include "common/crypto/provisional_tls.h"
#include "firmware/service/appliance/foundation.h"
#include "firmware/service/appliance/launchers.h"
#include "firmware/service/appliance/ready_file.h"
#include "firmware/service/appliance/setup_core.h"
#include "firmware/service/core_link/pin_source.h"
#include "firmware/service/pair/joiner.h"
#include "firmware/service/pair/places.h"
#include "firmware/service/runtime/work_pool.h"

namespace twinseal::service {
namespace {

constexpr std::chrono::seconds kLockWait{5};
constexpr std::chrono::seconds kStepDrain{35};
constexpr std::chrono::seconds kLongestStep{30};
// Steps come one after the other, and few.
constexpr std::size_t kStepThreads = 2;
constexpr std::size_t kStepQueue = 16;

}  // namespace

struct Joining::Parts {
  Parts(const Options& wanted, UniqueFd folder_lock, UniqueFd pin_file,
        std::unique_ptr<PairFile> pair)
      : options(wanted),
        lock(std::move(folder_lock)),
        pin(std::move(pin_file)),
        file(std::move(pair)),
        launcher(InitializingCore(options, pin.get(), -1)),
        joiner(
            *file,
            [this](v1::CoreRequest request) { return AskSetUpCore(*launcher, std::move(request)); },
            PlaceOf(options), AskForRestart),
        pool(kStepThreads, kStepQueue) {}

  // Of a ceremony that was abandoned. What does not come about now does at the next offer.
  void GiveBack() {
    std::error_code ignored;
    std::filesystem::remove_all(std::filesystem::path(options.data_dir) / "etcd", ignored);
    std::filesystem::remove(std::filesystem::path(options.data_dir) / "operator-ca.pem", ignored);
    // Nothing else was asked yet: there is room.
    (void)pool.Submit([this] {
      if (const Status given = joiner.GiveBack(); !given.ok()) {
        spdlog::error("taking the domain off the token again: {}", given.error().message());
      }
    });
  }

  const Options options;
  const UniqueFd lock;
  const UniqueFd pin;
  const std::unique_ptr<PairFile> file;
  const std::unique_ptr<CoreLauncher> launcher;
  Joiner joiner;
  WorkPool pool;
  std::shared_ptr<const crypto::ServerTls> tls;
  std::unique_ptr<connect::Server> server;
};

namespace {

// `step` runs where it may block.
template <typename Query, typename Answer, typename Step>
void AddStep(connect::Router& router, WorkPool& pool, const std::string& procedure, Step step) {
  router.Add<Query, Answer>(
      "/twinseal.v1." + procedure, connect::Access::Anyone(),
      [&pool, step](const connect::CallContext&, Result<Query> query,
                    const connect::Reply<Answer>& reply) {
        if (!query.ok()) return reply(query.error());
        if (!pool.Submit([step, query = *std::move(query), reply] { reply(step(query)); })) {
          reply(Error(Code::kResourceExhausted, "too many requests are waiting; try again later"));
        }
      });
}

connect::Router CeremonyRoutes(Joiner& joiner, WorkPool& pool) {
  connect::Router router;
  AddStep<v1::AnswerPairingRequest, v1::AnswerPairingResponse>(
      router, pool, "PairingService/AnswerPairing",
      [&joiner](const v1::AnswerPairingRequest& request) { return joiner.Answer(request); });
  AddStep<v1::AcceptDomainRequest, v1::AcceptDomainResponse>(
      router, pool, "PairingService/AcceptDomain",
      [&joiner](const v1::AcceptDomainRequest& request) { return joiner.Accept(request); });
  AddStep<v1::AbortPairingRequest, v1::AbortPairingResponse>(
      router, pool, "PairingService/AbortPairing",
      [&joiner](const v1::AbortPairingRequest& request) -> Result<v1::AbortPairingResponse> {
        TWINSEAL_RETURN_IF_ERROR(joiner.Abort(request));
        return v1::AbortPairingResponse();
      });
  AddStep<v1::GetPairRequest, v1::GetPairResponse>(
      router, pool, "SiteService/GetPair",
      [&joiner](const v1::GetPairRequest&) { return joiner.Describe(); });
  router.AddGet("/healthz", connect::Access::Anyone(),
                [](const connect::Request&, const connect::Responder& responder) {
                  responder.Send({200, "text/plain; charset=utf-8", "ok\n", std::nullopt});
                });
  router.AddGet("/readyz", connect::Access::Anyone(),
                [](const connect::Request&, const connect::Responder& responder) {
                  responder.Send({503, "text/plain; charset=utf-8",
                                  "not ready: it waits to be paired\n", Code::kUnavailable});
                });
  return router;
}

}  // namespace

Joining::Joining(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Joining::~Joining() { Stop(); }

Result<std::unique_ptr<Running>> Joining::Start(const Options& options) {
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(options.data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(UniqueFd lock, LockFolder(options.data_dir, kLockWait));
  TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<PairFile> file, PairFile::Open(options.data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(
      UniqueFd pin,
      AcquirePin(
          {.fd = options.pin_fd, .credentials_directory = CredentialsDirectory(), .prompt = {}}));
  std::unique_ptr<Joining> joining(new Joining(
      std::make_unique<Parts>(options, std::move(lock), std::move(pin), std::move(file))));
  Parts& parts = *joining->parts_;
  TWINSEAL_ASSIGN_OR_RETURN(parts.tls, crypto::MakeProvisionalTls("Twinseal, waits to be paired",
                                                                  std::nullopt, SystemTime()));
  connect::ServerOptions server;
  server.address = options.address;
  server.port = options.port;
  server.threads = 1;
  server.limits.request_timeout = kLongestStep;
  server.tls = [&parts] { return parts.tls; };
  TWINSEAL_ASSIGN_OR_RETURN(
      parts.server,
      connect::Server::Start(std::move(server), CeremonyRoutes(parts.joiner, parts.pool)));
  spdlog::info("site {} waits on {}:{} to be paired", options.site, options.address,
               parts.server->port());
  if (parts.file->state().phase() == v1::PairState::ABANDONED) parts.GiveBack();
  TWINSEAL_RETURN_IF_ERROR(WriteReadyFile(options, parts.server->port()));
  return std::unique_ptr<Running>(std::move(joining));
}

void Joining::Stop() {
  if (parts_ == nullptr) return;
  Parts& parts = *parts_;
  if (parts.server != nullptr) parts.server->Stop(kStepDrain);
  parts.pool.Stop();
  RemoveReadyFile(parts.options);
  parts_.reset();
}

}  // namespace twinseal::service
