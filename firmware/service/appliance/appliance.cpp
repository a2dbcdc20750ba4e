#include "firmware/service/appliance/appliance.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "common/base/own_folder.h"
#include "common/connect/server.h"
#include "firmware/service/appliance/archiving.h"
#include "firmware/service/appliance/checkpoint_signer.h"
#include "firmware/service/appliance/destruction_timer.h"
#include "firmware/service/appliance/foundation.h"
#include "firmware/service/appliance/launchers.h"
#include "firmware/service/appliance/own_record.h"
#include "firmware/service/appliance/paired_life.h"
#include "firmware/service/appliance/ready_file.h"
#include "firmware/service/appliance/running.h"
#include "firmware/service/core_link/pin_source.h"
#include "firmware/service/handlers/routes.h"
#include "firmware/service/health/metrics.h"
#include "firmware/service/inventory/inventory.h"
#include "firmware/service/operator_ca/tls_identity.h"
#include "firmware/service/pair/places.h"

namespace twinseal::service {
namespace {

using std::chrono::steady_clock;

// For the core's first answer, before the appliance serves without it.
constexpr std::chrono::seconds kCoreStart{10};
// For settling and the TLS certificate once a core is there.
constexpr std::chrono::seconds kCoreReadyWork{30};
// What blocks: ledger, key flows. An RSA-4096 key holds a thread for seconds; eight leave room for
// others.
constexpr std::size_t kPoolThreads = 8;
constexpr std::size_t kPoolQueue = 512;
// A change of a paired appliance waits for other places most of its time.
constexpr std::size_t kPairedPoolThreads = 64;
// For what anybody may ask (/readyz, /metrics), so that it takes nobody's place.
constexpr std::size_t kWatcherThreads = 1;
constexpr std::size_t kWatcherQueue = 64;
constexpr std::chrono::seconds kLongestRequest{30};
// So that what was accepted is finished.
constexpr std::chrono::seconds kDrain = kLongestRequest + std::chrono::seconds(5);

// TLS takes about as much processor as the core's software checks; half the processors for either.
unsigned ReactorThreads(const Options& options) {
  if (options.threads != 0) return options.threads;
  return std::clamp(std::thread::hardware_concurrency() / 2, 1U, 8U);
}

std::vector<std::string> ServerNames(const Options& options) {
  std::vector<std::string> names = {"localhost", "127.0.0.1", "::1"};
  const bool any = options.address == "0.0.0.0" || options.address == "::";
  if (!any) names.push_back(options.address);
  names.insert(names.end(), options.names.begin(), options.names.end());
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

PinSource PinSourceOf(const Options& options, bool ask) {
  return {.fd = options.pin_fd,
          .credentials_directory = CredentialsDirectory(),
          .prompt = ask ? fmt::format("PIN of the HSM token {}: ", options.hsm_token) : ""};
}

}  // namespace

// In the order in which they are made; destroyed the other way round.
struct Appliance::Parts {
  Parts(const Options& wanted, Files opened, UniqueFd pin_file,
        std::unique_ptr<audit::AuditLog> log, std::unique_ptr<journal::Archive> kept, SiteName name)
      : options(wanted),
        site(std::move(name)),
        files(std::move(opened)),
        pin(std::move(pin_file)),
        audit(std::move(log)),
        archive(std::move(kept)),
        core(ServingCore(options, pin.get()), SupervisionOf(), [this] { OnCoreReady(); }),
        barrier(files.late == nullptr ? std::make_unique<Barrier>()
                                      : std::make_unique<PairBarrier>(SystemMilliseconds)),
        foundation(files, core, *barrier, site),
        pool(files.late == nullptr ? kPoolThreads : kPairedPoolThreads, kPoolQueue),
        watchers(kWatcherThreads, kWatcherQueue),
        recorder(*audit, metrics),
        in_flight(InFlightLimits{}),
        gate(recorder, in_flight, pool),
        signer(
            foundation.directory, core, pool,
            [this](const KeyId& key, Deadline deadline) {
              return foundation.store.Deliver(key, deadline);
            },
            [this](const v1::Key& key) {
              return paired == nullptr ? Ok() : paired->lease().MaySign(key);
            },
            site),
        tls(foundation.ca, site.text(), ServerNames(options), SystemTime),
        paired(files.late == nullptr
                   ? nullptr
                   : std::make_unique<PairedLife>(options, files, foundation, core, *audit,
                                                  static_cast<PairBarrier&>(*barrier),
                                                  [this] { BeginServing(); })),
        archiving(
            site.text(), *files.ledger, std::uint64_t{options.ledger_quota_mib} << 20U, *files.pair,
            *archive,
            [this] { return paired == nullptr ? journal::OtherArchives() : paired->archives(); }),
        state(site.text(), core, *files.ledger, *audit, archiving.backlog(), *archive,
              foundation.directory, metrics, SystemMilliseconds(),
              [this] { return paired == nullptr ? std::string() : paired->NotReady(); }),
        holder(HolderOf(*this)),
        keys(gate, foundation.directory, foundation.store, SystemMilliseconds),
        signing(gate, signer),
        inventory(*files.ledger, archiving.journal(), *barrier, foundation.store,
                  SystemMilliseconds),
        certificates(gate, foundation.directory, foundation.store, inventory),
        audits(gate, *audit, foundation.audit_key),
        appliance(gate, state, core, foundation.ca, *files.ledger, SystemMilliseconds),
        departure(*files.pair, *files.ledger, *audit, site.text(), AskForRestart),
        pairing(gate, holder, departure, *files.pair, AskForRestart),
        view(site.text(), *files.pair, PairedViewOf(*this),
             [this] { return paired == nullptr ? std::string() : paired->NotReady(); }),
        sites(gate, pool, *files.pair, view, foundation.feed.applied(), *archive, *files.ledger,
              foundation.ca, foundation.ledger_ca,
              paired == nullptr ? nullptr : &paired->maintenance(),
              [this](const v1::Place& place, Deadline deadline) {
                return ReplaceMember(place, deadline);
              }),
        timer(foundation.directory, foundation.store, *audit, SystemMilliseconds) {}

  void OnCoreReady() {
    // A full pool means that there is work enough; the next request or the renewal's minute comes
    // again.
    if (!pool.Submit([this] { Settle(); }))
      spdlog::warn("too busy to tell the signing core about interrupted changes");
  }

  // When the ledger is there: at once for an appliance that is alone, else from the membership's
  // thread.
  void BeginServing() {
    audit->StartCheckpoints(MakeCheckpointSigner(foundation.audit_key));
    archiving.Start();
    Settle();
    spdlog::info("site {} has {} keys", site.text(), foundation.directory.size());
  }

  void Settle() {
    const Deadline deadline = steady_clock::now() + kCoreReadyWork;
    if (paired != nullptr) paired->InstallOwnKeys();
    if (files.late == nullptr || files.late->open()) SettleChanges(deadline);
    if (const Status renewed = tls.RenewIfDue(deadline); !renewed.ok()) {
      spdlog::error("making the TLS certificate: {}", renewed.error().message());
    }
  }

  void SettleChanges(Deadline deadline) {
    const auto record = [this](const v1::Key& key) {
      v1::AuditRecord settled = OwnRecord("appliance/SettleKey", site, key);
      settled.set_detail(fmt::format("a change that was interrupted is in force: revision {}, {}",
                                     key.revision(), KeyStateName(key.state())));
      return audit->AppendAndWait(std::move(settled));
    };
    const auto waiting = foundation.store.SettleAll(deadline, record);
    if (!waiting.ok()) {
      spdlog::error("looking for interrupted changes: {}", waiting.error().message());
    }
  }

  // Of the ledger; an appliance that is alone has none. Another site may have been asked before.
  Status ReplaceMember(const v1::Place& place, Deadline deadline) {
    if (paired == nullptr) return Ok();
    Membership& membership = paired->membership();
    TWINSEAL_ASSIGN_OR_RETURN(const std::vector<std::uint64_t> lost,
                              membership.FindLost(place, Attempt::kAny));
    return membership.ReplaceMembers(lost, place.peer(), deadline);
  }

  static HolderParts HolderOf(Parts& parts) {
    return {.file = *parts.files.pair,
            .core = parts.core,
            .ledger = *parts.files.ledger,
            .directory = parts.foundation.directory,
            .store = parts.foundation.store,
            .operator_ca = parts.foundation.ca,
            .ledger_ca = parts.foundation.ledger_ca,
            .audit = *parts.audit,
            .place = PlaceOf(parts.options),
            .restart = AskForRestart,
            .find_lost =
                [&parts](const v1::Place& place) {
                  return parts.paired->membership().FindLost(place, Attempt::kFirst);
                },
            .replace_members =
                [&parts](const std::vector<std::uint64_t>& lost, const std::string& peer_address,
                         Deadline deadline) {
                  return parts.paired->membership().ReplaceMembers(lost, peer_address, deadline);
                },
            .changed = [&parts] { return parts.paired->FollowConfig(); }};
  }

  static std::optional<PairView::Paired> PairedViewOf(Parts& parts) {
    if (parts.paired == nullptr) return std::nullopt;
    return PairView::Paired{*parts.files.ledger, parts.paired->membership(), parts.paired->lease(),
                            parts.paired->barrier(), parts.foundation.feed.applied()};
  }

  const Options options;
  const SiteName site;
  Files files;
  UniqueFd pin;
  RequestMetrics metrics;
  std::unique_ptr<audit::AuditLog> audit;
  std::unique_ptr<journal::Archive> archive;
  CoreSupervisor core;
  std::unique_ptr<Barrier> barrier;
  Foundation foundation;
  WorkPool pool;
  WorkPool watchers;
  Recorder recorder;
  InFlight in_flight;
  Gate gate;
  Signer signer;
  TlsIdentity tls;
  std::unique_ptr<PairedLife> paired;  // Null for an appliance that is alone.
  Archiving archiving;
  ApplianceState state;
  Holder holder;
  KeyHandlers keys;
  SigningHandlers signing;
  Inventory inventory;
  CertificateHandlers certificates;
  AuditHandlers audits;
  ApplianceHandlers appliance;
  Departure departure;
  PairingHandlers pairing;
  PairView view;
  SiteHandlers sites;
  DestructionTimer timer;
  std::unique_ptr<connect::Server> server;
};

Appliance::Appliance(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Appliance::~Appliance() { Stop(); }

Result<std::unique_ptr<Appliance>> Appliance::Start(const Options& options) {
  TWINSEAL_ASSIGN_OR_RETURN(SiteName site, SiteName::Parse(options.site));
  TWINSEAL_ASSIGN_OR_RETURN(Files files, Files::Open(options.data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(UniqueFd pin, AcquirePin(PinSourceOf(options, true)));
  TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<audit::AuditLog> log,
                            audit::AuditLog::Open(files.audit(), site));
  TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<journal::Archive> archive,
                            journal::Archive::Open(files.archive()));
  std::unique_ptr<Appliance> appliance(
      new Appliance(std::make_unique<Parts>(options, std::move(files), std::move(pin),
                                            std::move(log), std::move(archive), std::move(site))));
  Parts& parts = *appliance->parts_;
  if (parts.paired != nullptr) {
    TWINSEAL_RETURN_IF_ERROR(parts.paired->Prepare());
  } else {
    TWINSEAL_RETURN_IF_ERROR(parts.foundation.ca.Load(*parts.files.ledger));
    TWINSEAL_RETURN_IF_ERROR(parts.foundation.feed.Start());
  }
  parts.core.Start();
  if (!parts.core.WaitUntilReady(steady_clock::now() + kCoreStart)) {
    spdlog::error("not ready: {}", parts.core.State().reason);
  } else if (parts.paired != nullptr) {
    parts.Settle();
  }
  TWINSEAL_RETURN_IF_ERROR(parts.tls.UseProvisional());
  if (parts.paired == nullptr) parts.BeginServing();

  connect::ServerOptions server;
  server.address = options.address;
  server.port = options.port;
  server.threads = ReactorThreads(options);
  server.limits.request_timeout = kLongestRequest;
  server.tls = [&parts] { return parts.tls.Current(); };
  const Handlers handlers = {parts.keys,    parts.signing, parts.audits,      parts.appliance,
                             parts.pairing, parts.sites,   parts.certificates};
  TWINSEAL_ASSIGN_OR_RETURN(
      parts.server,
      connect::Server::Start(std::move(server), MakeRouter(handlers, parts.state, parts.watchers)));
  parts.tls.Start();
  parts.timer.Start();
  if (parts.paired != nullptr) parts.paired->Start();
  spdlog::info("site {} serves on {}:{} with {} keys", options.site, options.address,
               parts.server->port(), parts.foundation.directory.size());
  TWINSEAL_RETURN_IF_ERROR(WriteReadyFile(options, parts.server->port()));
  return appliance;
}

void Appliance::Reload() {
  Parts& parts = *parts_;
  if (parts.options.pin_fd >= 0) {
    // The same descriptor; when it is a file, its text may be another by now.
    parts.core.Retry();
    return;
  }
  Result<UniqueFd> pin = AcquirePin(PinSourceOf(parts.options, false));
  if (!pin.ok()) {
    spdlog::error("reading the PIN again: {}", pin.error().message());
    return;
  }
  // The number stays, so a launcher that holds it stays right.
  dup3(pin->get(), parts.pin.get(), O_CLOEXEC);
  parts.core.Retry();
}

void Appliance::Stop() {
  if (!parts_) return;
  Parts& parts = *parts_;
  if (parts.server) parts.server->Stop(kDrain);
  parts.timer.Stop();
  parts.tls.Stop();
  // What the core still does for requests that were cut off ends by their deadlines.
  parts.in_flight.WaitUntilIdle();
  parts.pool.Stop();
  parts.watchers.Stop();
  // With a last checkpoint, for which the core is needed.
  parts.audit->Stop();
  parts.foundation.feed.Stop();
  if (parts.paired != nullptr) parts.paired->StopReading();
  parts.archiving.Stop();
  if (parts.paired != nullptr) parts.paired->Stop();
  parts.core.Stop();
  RemoveReadyFile(parts.options);
  parts_.reset();
}

}  // namespace twinseal::service
