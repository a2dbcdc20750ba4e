#include "tests/support/pkcs11/fake_appliance.h"

#include <stdexcept>
#include <utility>

#include <openssl/rand.h>

#include "twinseal/v1/appliance.pb.h"

namespace twinseal::test {
namespace {

Result<v1::GenerateRandomResponse> Random(const v1::GenerateRandomRequest& request) {
  constexpr std::uint32_t kMost = 1024;
  if (request.size() == 0 || request.size() > kMost)
    return Error(Code::kInvalidArgument, "size: 1 to 1,024 bytes");
  Bytes bytes(request.size());
  if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
    return Error(Code::kInternal, "no random bytes");
  v1::GenerateRandomResponse response;
  response.set_random(ToString(bytes));
  return response;
}

}  // namespace

FakeAppliance::FakeAppliance(const TestCa& ca, FakeDomain& domain)
    : domain_(domain), tls_(ca.ServerTls(ca.Server())) {
  Start();
}

void FakeAppliance::Start() {
  connect::ServerOptions options;
  options.port = port_;
  options.threads = 1;
  options.tls = [this] { return tls_; };
  auto server = connect::Server::Start(std::move(options), Routes());
  if (!server.ok()) throw std::runtime_error(server.error().Describe());
  server_ = *std::move(server);
  port_ = server_->port();
}

template <typename Query, typename Answer>
void FakeAppliance::Offer(connect::Router& router, const std::string& service,
                          const std::string& procedure,
                          std::function<Result<Answer>(const Query&)> work) {
  router.Add<Query, Answer>(
      "/twinseal.v1." + service + "/" + procedure, connect::Access::Certificate(),
      [this, procedure, work = std::move(work)](
          const connect::CallContext&, const Result<Query>& request, connect::Reply<Answer> reply) {
        if (!request.ok()) return reply(request.error());
        Take(procedure,
             [query = *request, work, reply = std::move(reply)](const std::optional<Error>& error) {
               if (error) return reply(*error);
               reply(work(query));
             });
      });
}

connect::Router FakeAppliance::Routes() {
  connect::Router router;
  const auto keys = [&](const char* procedure, auto work) {
    Offer(router, "KeyService", procedure, std::function(work));
  };
  keys("GetKey", [this](const v1::GetKeyRequest& query) { return domain_.Get(query); });
  keys("ListKeys", [this](const v1::ListKeysRequest& query) { return domain_.List(query); });
  keys("CreateKey", [this](const v1::CreateKeyRequest& query) { return domain_.Create(query); });
  keys("ScheduleKeyDestruction",
       [this](const v1::ScheduleKeyDestructionRequest& query) { return domain_.Destroy(query); });
  const auto certificates = [&](const char* procedure, auto work) {
    Offer(router, "CertificateService", procedure, std::function(work));
  };
  certificates("ListCertificates", [this](const v1::ListCertificatesRequest& query) {
    return domain_.ListCertificates(query);
  });
  certificates("ImportCertificate", [this](const v1::ImportCertificateRequest& query) {
    return domain_.ImportCertificate(query);
  });
  certificates("RemoveCertificate", [this](const v1::RemoveCertificateRequest& query) {
    return domain_.RemoveCertificate(query);
  });
  Offer(router, "SigningService", "Sign",
        std::function([this](const v1::SignRequest& query) { return domain_.Sign(query); }));
  Offer(router, "SigningService", "SignBatch",
        std::function(
            [this](const v1::SignBatchRequest& query) { return domain_.SignBatch(query); }));
  Offer(router, "ApplianceService", "GenerateRandom", std::function(Random));
  return router;
}

void FakeAppliance::Take(const std::string& procedure,
                         std::function<void(std::optional<Error>)> answer) {
  std::optional<Error> error;
  {
    const MutexLock lock(mutex_);
    ++requests_[procedure];
    ++all_requests_;
    changed_.NotifyAll();
    error = error_;
    if (holds_) {
      held_.emplace_back([answer = std::move(answer)] { answer(std::nullopt); });
      return;
    }
  }
  answer(std::move(error));
}

void FakeAppliance::Serve() {
  const MutexLock lock(mutex_);
  error_.reset();
  holds_ = false;
}

void FakeAppliance::Fail(const Error& error) {
  const MutexLock lock(mutex_);
  error_ = error;
  holds_ = false;
}

void FakeAppliance::Hold() {
  const MutexLock lock(mutex_);
  error_.reset();
  holds_ = true;
}

void FakeAppliance::Release() {
  Serve();
  std::vector<std::function<void()>> held;
  {
    const MutexLock lock(mutex_);
    held.swap(held_);
  }
  for (const auto& answer : held) answer();
}

std::size_t FakeAppliance::requests(const std::string& procedure) const {
  const MutexLock lock(mutex_);
  const auto found = requests_.find(procedure);
  return found == requests_.end() ? 0 : found->second;
}

std::size_t FakeAppliance::requests() const {
  const MutexLock lock(mutex_);
  return all_requests_;
}

void FakeAppliance::AwaitRequests(std::size_t count) {
  const MutexLock lock(mutex_);
  while (all_requests_ < count) changed_.Wait(mutex_);
}

}  // namespace twinseal::test
