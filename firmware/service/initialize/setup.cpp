#include "firmware/service/initialize/setup.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/own_folder.h"
#include "common/crypto/digest.h"
#include "common/crypto/x509.h"
#include "firmware/audit/audit_log.h"
#include "firmware/core_protocol/frame.h"
#include "firmware/policy/principal.h"
#include "firmware/service/appliance/checkpoint_signer.h"
#include "firmware/service/appliance/foundation.h"
#include "firmware/service/appliance/launchers.h"
#include "firmware/service/appliance/own_record.h"
#include "firmware/service/appliance/setup_core.h"
#include "firmware/service/core_link/core_supervisor.h"
#include "firmware/service/core_link/pin_source.h"
#include "firmware/service/pair/pair_file.h"
#include "firmware/service/pair/transcript.h"

namespace twinseal::service {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::minutes kKeyTime{1};
// For a killed process to be gone, also on a busy machine.
constexpr std::chrono::seconds kLockWait{5};
constexpr std::string_view kOperation = "appliance/Initialize";

std::string IdentityPath(const SiteName& site) {
  return fmt::format("/site/{}/identity", site.text());
}

Result<UniqueFd> Pin(int fd, bool ask) {
  return AcquirePin(
      {.fd = fd, .credentials_directory = {}, .prompt = ask ? "PIN for the HSM token: " : ""});
}

Status StartCore(CoreSupervisor& core) {
  core.Start();
  if (core.WaitUntilReady(steady_clock::now() + kTokenTime)) return Ok();
  return Error(Code::kFailedPrecondition, core.State().reason);
}

// The public key of the identity key. An interrupted set-up that came this far is not repeated on
// the token.
Result<Bytes> PrepareToken(const Options& options, ledger::Ledger& ledger, const SiteName& site,
                           int pin) {
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<ledger::Entry> before, ledger.Get(IdentityPath(site)));
  if (before) return std::move(before->value);
  UniqueFd so_pin;
  if (options.so_pin_fd >= 0) {
    TWINSEAL_ASSIGN_OR_RETURN(so_pin, Pin(options.so_pin_fd, false));
  }
  const std::unique_ptr<CoreLauncher> launcher = InitializingCore(options, pin, so_pin.get());
  v1::CoreRequest request;
  request.mutable_initialize()->set_site(site.text());
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse answer,
                            AskSetUpCore(*launcher, std::move(request)));
  Bytes identity = ToBytes(answer.initialize().identity_public_key_der());
  ledger::Transaction transaction;
  transaction.writes.push_back(ledger::Put{IdentityPath(site), identity});
  TWINSEAL_ASSIGN_OR_RETURN([[maybe_unused]] const ledger::Outcome outcome,
                            ledger.Commit(transaction));
  return identity;
}

Status MakeOwnKey(KeyStore& store, const std::string& name) {
  v1::CreateKeyRequest request;
  request.set_name(name);
  request.set_algorithm(v1::EC_P256);
  // The same id each time, so that a repeated set-up finds the key again.
  std::string id = "setup-" + HexEncode(crypto::Sha256(AsBytes(name))).substr(0, 32);
  TWINSEAL_ASSIGN_OR_RETURN(RequestId request_id, RequestId::Parse(id));
  const Mutation mutation = {std::string(kOperation), std::move(request_id),
                             HashRequest(kOperation, request), "appliance",
                             steady_clock::now() + kKeyTime};
  TWINSEAL_ASSIGN_OR_RETURN(const KeyName key_name, KeyName::Parse(name));
  const Result<v1::Key> made = store.CreateOwn(mutation, key_name, v1::EC_P256);
  if (!made.ok()) return made.error().Within(fmt::format("making the key {}", name));
  return Ok();
}

Status RecordSetUp(const Files& files, Foundation& foundation, const SiteName& site,
                   const std::string& operator_name) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<audit::AuditLog> log,
                            audit::AuditLog::Open(files.audit(), site));
  v1::AuditRecord record = OwnRecord(kOperation, site);
  record.set_detail("set up; certificate issued for operator/" + operator_name);
  TWINSEAL_RETURN_IF_ERROR(log->AppendAndWait(std::move(record)));
  log->StartCheckpoints(MakeCheckpointSigner(foundation.audit_key));
  Status made = log->MakeCheckpoint();
  log->Stop();
  return made;
}

// Everything after the token: keys, CA, certificate, first audit record.
Result<v1::InitializeResponse> MakeKeysAndCertificates(Files& files, Core& core,
                                                       const SiteName& site,
                                                       const policy::Principal& first_operator,
                                                       const crypto::PublicKey& operator_key) {
  Barrier alone;
  Foundation foundation(files, core, alone, site);
  TWINSEAL_RETURN_IF_ERROR(foundation.feed.Start());
  TWINSEAL_RETURN_IF_ERROR(MakeOwnKey(foundation.store, std::string(kOperatorCaKey)));
  TWINSEAL_RETURN_IF_ERROR(MakeOwnKey(foundation.store, AuditKeyName(site)));
  const Deadline deadline = steady_clock::now() + kKeyTime;
  // The CA certificate comes last into the ledger but for the first operator's: with it, the
  // appliance is set up.
  TWINSEAL_RETURN_IF_ERROR(RecordSetUp(files, foundation, site, first_operator.name()));
  TWINSEAL_RETURN_IF_ERROR(foundation.ca.Establish(*files.ledger, deadline));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate certificate,
                            foundation.ca.IssueClient(first_operator, operator_key, 0, deadline));
  v1::InitializeResponse response;
  response.set_operator_certificate_pem(certificate.Pem());
  response.set_ca_pem(foundation.ca.certificate().Pem());
  TWINSEAL_RETURN_IF_ERROR(WriteFileAtomically(files.ca(), response.ca_pem()));
  return response;
}

Result<v1::InitializeRequest> ReadRequest(int fd) {
  core_protocol::FrameDecoder decoder;
  for (;;) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<BytesView> frame, decoder.Next());
    if (frame) {
      v1::InitializeRequest request;
      if (!request.ParseFromArray(frame->data(), static_cast<int>(frame->size()))) {
        return Error(Code::kInvalidArgument, "the set-up request cannot be read");
      }
      return request;
    }
    const std::span<std::uint8_t> room = decoder.Writable();
    const ssize_t n = read(fd, room.data(), room.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return Error(Code::kInvalidArgument, "no set-up request came through --setup-fd");
    decoder.Commit(static_cast<std::size_t>(n));
  }
}

void WriteAnswer(int fd, const v1::InitializeResponse& response) {
  std::string frame;
  if (!core_protocol::AppendFrame(response, frame)) return;
  std::string_view rest = frame;
  while (!rest.empty()) {
    const ssize_t n = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      spdlog::error("answering who asked for the set-up: {}", strerror(errno));
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
}

// A token with this appliance's own keys; the domain's come by pairing.
Result<v1::InitializeResponse> SetUpToJoin(const Options& options, const SiteName& site) {
  TWINSEAL_RETURN_IF_ERROR(UseOwnFolder(options.data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd lock, LockFolder(options.data_dir, kLockWait));
  TWINSEAL_ASSIGN_OR_RETURN(const std::unique_ptr<PairFile> file, PairFile::Open(options.data_dir));
  if (file->state().phase() != v1::PairState::ALONE ||
      std::filesystem::exists(options.data_dir / "ledger")) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the appliance in {} is set up already", options.data_dir.string()));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd pin, Pin(options.pin_fd, true));
  UniqueFd so_pin;
  if (options.so_pin_fd >= 0) {
    TWINSEAL_ASSIGN_OR_RETURN(so_pin, Pin(options.so_pin_fd, false));
  }
  const std::unique_ptr<CoreLauncher> launcher = InitializingCore(options, pin.get(), so_pin.get());
  v1::CoreRequest request;
  request.mutable_initialize()->set_site(site.text());
  request.mutable_initialize()->set_join(true);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::CoreResponse answer,
                            AskSetUpCore(*launcher, std::move(request)));
  TWINSEAL_RETURN_IF_ERROR(file->Change([&](v1::PairState& state) {
    state.set_site(site.text());
    state.set_phase(v1::PairState::JOINING);
  }));
  v1::InitializeResponse response;
  response.set_identity_fingerprint(FingerprintOf(answer.initialize().identity_public_key_der()));
  return response;
}

}  // namespace

Result<v1::InitializeResponse> SetUp(const Options& options, const v1::InitializeRequest& request) {
  TWINSEAL_ASSIGN_OR_RETURN(const SiteName site, SiteName::Parse(options.site));
  if (request.join()) return SetUpToJoin(options, site);
  TWINSEAL_ASSIGN_OR_RETURN(const policy::Principal first_operator,
                            policy::Principal::Make(v1::OPERATOR, request.operator_name()));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::CertificateRequest csr,
                            crypto::CertificateRequest::FromPem(request.operator_csr_pem()));
  TWINSEAL_ASSIGN_OR_RETURN(Files files, Files::Open(options.data_dir));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> established,
                            files.ledger->Get(kOperatorCaPath));
  if (established) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the appliance in {} is set up already", options.data_dir.string()));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd pin, Pin(options.pin_fd, true));
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes identity,
                            PrepareToken(options, *files.ledger, site, pin.get()));
  CoreSupervisor core(ServingCore(options, pin.get()), OneTry());
  TWINSEAL_RETURN_IF_ERROR(StartCore(core));
  Result<v1::InitializeResponse> response =
      MakeKeysAndCertificates(files, core, site, first_operator, csr.public_key());
  core.Stop();
  if (response.ok()) response->set_identity_fingerprint(HexEncode(crypto::Sha256(identity)));
  return response;
}

int RunSetUp(const Options& options) {
  const UniqueFd setup(options.setup_fd);
  Result<v1::InitializeResponse> response = Error(Code::kInternal, "not begun");
  const Result<v1::InitializeRequest> request = ReadRequest(setup.get());
  response =
      request.ok() ? SetUp(options, *request) : Result<v1::InitializeResponse>(request.error());
  if (response.ok()) {
    WriteAnswer(setup.get(), *response);
    return 0;
  }
  spdlog::error("{}", response.error().Describe());
  v1::InitializeResponse failure;
  failure.set_error_code(std::string(CodeName(response.error().code())));
  failure.set_error_message(response.error().message());
  WriteAnswer(setup.get(), failure);
  return 1;
}

}  // namespace twinseal::service
