#include "firmware/service/operator_ca/tls_identity.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "common/crypto/provisional_tls.h"

namespace twinseal::service {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::minutes kCheckEvery{1};
// While clients are shown a certificate that they do not trust.
constexpr std::chrono::seconds kRetryEvery{1};
constexpr std::chrono::seconds kRenewalTime{20};

}  // namespace

TlsIdentity::TlsIdentity(OperatorCa& ca, std::string site, std::vector<std::string> names,
                         OperatorCa::Clock clock)
    : ca_(ca), site_(std::move(site)), names_(std::move(names)), clock_(std::move(clock)) {}

TlsIdentity::~TlsIdentity() { Stop(); }

Result<std::shared_ptr<const crypto::ServerTls>> TlsIdentity::Context(
    const crypto::Certificate& certificate, const crypto::SoftwareKey& key) const {
  return crypto::ServerTls::Make({certificate}, key, ca_.certificate());
}

std::shared_ptr<const crypto::ServerTls> TlsIdentity::Current() const {
  const MutexLock lock(mutex_);
  return current_;
}

void TlsIdentity::Use(std::shared_ptr<const crypto::ServerTls> tls) {
  const MutexLock lock(mutex_);
  current_ = std::move(tls);
}

Status TlsIdentity::UseProvisional() {
  const MutexLock lock(renewing_);
  if (Current() != nullptr) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(
      std::shared_ptr<const crypto::ServerTls> tls,
      crypto::MakeProvisionalTls("Twinseal, signing core not ready", ca_.certificate(), clock_()));
  Use(std::move(tls));
  return Ok();
}

Status TlsIdentity::RenewIfDue(Deadline deadline) {
  const MutexLock lock(renewing_);
  if (clock_() < renew_at_) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey key, crypto::SoftwareKey::Generate());
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::Certificate certificate,
                            ca_.IssueServer(site_, names_, key.public_key(), deadline));
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<const crypto::ServerTls> tls,
                            Context(certificate, key));
  renew_at_ = clock_() + kServerLife / 2;
  Use(std::move(tls));
  return Ok();
}

bool TlsIdentity::Due() const {
  const MutexLock lock(renewing_);
  return clock_() >= renew_at_;
}

void TlsIdentity::Start() {
  thread_ = std::thread([this] { Run(); });
}

void TlsIdentity::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void TlsIdentity::Run() {
  for (;;) {
    const steady_clock::duration pause =
        Due() ? steady_clock::duration(kRetryEvery) : steady_clock::duration(kCheckEvery);
    {
      const MutexLock lock(mutex_);
      const auto next = steady_clock::now() + pause;
      while (!stopping_ && changed_.WaitUntil(mutex_, next)) {
      }
      if (stopping_) return;
    }
    if (const Status renewed = RenewIfDue(steady_clock::now() + kRenewalTime); !renewed.ok()) {
      spdlog::warn("renewing the TLS certificate: {}", renewed.error().message());
    }
  }
}

}  // namespace twinseal::service
