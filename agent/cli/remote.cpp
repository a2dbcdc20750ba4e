#include "agent/cli/remote.h"

#include <fmt/format.h>

#include "agent/cli/files.h"
#include "agent/cli/text.h"
#include "common/base/secret.h"
#include "common/client/caller.h"

namespace twinseal::cli {
namespace {

constexpr std::string_view kPackage = "/twinseal.v1.";

// When no appliance serves: one that restarts, or a ledger that elects a leader, takes a second or
// two. A person waits no longer to be told that nothing runs.
constexpr std::chrono::seconds kPersist{5};

std::string_view Advice(Code code) {
  switch (code) {
    case Code::kUnavailable:
    case Code::kDeadlineExceeded:
      return "see `twinseal status`, and check that TWINSEAL_ENDPOINTS names the appliances";
    case Code::kUnauthenticated:
      return "check that TWINSEAL_CERTIFICATE, TWINSEAL_KEY and TWINSEAL_CA belong to this "
             "appliance";
    case Code::kPermissionDenied:
      return "ask an operator";
    case Code::kNotFound:
      return "`twinseal key list` shows the keys that you may see";
    case Code::kResourceExhausted:
      return "try again in a moment";
    case Code::kInternal:
    case Code::kUnknown:
    case Code::kDataLoss:
      return "the appliance's log says more";
    default:
      return "";
  }
}

class ConnectedRemote : public Remote {
 public:
  ConnectedRemote(std::vector<std::string> endpoints, std::unique_ptr<client::Caller> caller,
                  std::chrono::milliseconds timeout)
      : endpoints_(std::move(endpoints)), caller_(std::move(caller)) {
    call_.timeout = timeout;
    call_.persist = kPersist;
  }

  const std::vector<std::string>& endpoints() const override { return endpoints_; }

  Status CallAny(std::string_view procedure, const google::protobuf::Message& request,
                 google::protobuf::Message& response) override {
    return Advised(caller_->Call(Path(procedure), request, response, call_));
  }

  Status CallAt(std::size_t endpoint, std::string_view procedure,
                const google::protobuf::Message& request,
                google::protobuf::Message& response) override {
    return Advised(caller_->CallAt(endpoint, Path(procedure), request, response, call_));
  }

 private:
  static std::string Path(std::string_view procedure) {
    return std::string(kPackage).append(procedure);
  }
  static Status Advised(const Status& status) {
    return status.ok() ? Ok() : Status(WithAdvice(status.error()));
  }

  std::vector<std::string> endpoints_;
  std::unique_ptr<client::Caller> caller_;
  connect::CallOptions call_;
};

Result<std::unique_ptr<Remote>> Connect(connect::ClientOptions options, const Config& config) {
  TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<client::Caller> caller,
                            client::Caller::Create(std::move(options)));
  return std::unique_ptr<Remote>(
      std::make_unique<ConnectedRemote>(config.endpoints, std::move(caller), config.timeout));
}

Result<Secret> ReadSecretFile(const std::string& path) {
  TWINSEAL_ASSIGN_OR_RETURN(Bytes content, ReadFile(path, kMaxPemBytes));
  Secret secret(content);
  Scrub(content);
  return secret;
}

}  // namespace

// A message with a semicolon in it says already what to do.
Error WithAdvice(const Error& error) {
  const std::string_view advice = Advice(error.code());
  if (advice.empty() || error.message().find(';') != std::string::npos) return error;
  std::string message = error.message();
  while (message.ends_with('.')) message.pop_back();
  return Error(error.code(), fmt::format("{}; {}", message, advice), error.origin(), error.where());
}

Result<std::unique_ptr<Remote>> ConnectRemote(const Config& config) {
  connect::ClientOptions options;
  options.endpoints = config.endpoints;
  options.proxy = config.proxy;
  options.any_server = config.any_server;
  if (config.any_server) return Connect(std::move(options), config);
  const auto named = [](const Error& error, const char* variable) {
    return Error(error.code(), fmt::format("{}; {} names it", error.message(), variable),
                 error.origin());
  };
  Result<Bytes> ca = ReadFile(config.ca, kMaxPemBytes);
  if (!ca.ok()) return named(ca.error(), "TWINSEAL_CA");
  Result<Bytes> certificate = ReadFile(config.certificate, kMaxPemBytes);
  if (!certificate.ok()) return named(certificate.error(), "TWINSEAL_CERTIFICATE");
  Result<Secret> key = ReadSecretFile(config.key);
  if (!key.ok()) return named(key.error(), "TWINSEAL_KEY");
  options.ca_pem = ToString(*ca);
  options.certificate_pem = ToString(*certificate);
  options.key_pem = std::move(key).value();
  Result<std::unique_ptr<Remote>> remote = Connect(std::move(options), config);
  if (!remote.ok()) {
    return remote.error().Within(
        fmt::format("with {}, {} and {}", config.ca, config.certificate, config.key));
  }
  return remote;
}

}  // namespace twinseal::cli
