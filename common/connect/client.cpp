#include "common/connect/client.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <utility>
#include <variant>

#include <curl/curl.h>
#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "common/base/mutex.h"
#include "common/connect/codec.h"
#include "common/connect/curl_errors.h"
#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"

namespace twinseal::connect {
namespace {

using Milliseconds = std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// The largest answer: a page of 1,000 keys with long policies has a few megabytes.
constexpr std::size_t kMaxAnswerBytes = std::size_t{64} << 20U;
// Often enough that no firewall forgets an idle connection.
constexpr long kKeepAliveSeconds = 20;
// The server answers at the deadline itself; this is how much longer the client waits to hear it.
constexpr Milliseconds kAnswerGrace{1'000};

struct FreeEasy {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using HeaderList = std::unique_ptr<curl_slist, FreeList>;

// libcurl wants one call before any other, and makes it thread-safe only from 7.84 on.
bool StartCurl() {
  static const bool started = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return started;
}

// Adds headers; the list is empty after a failure, as memory is gone then.
bool AppendHeader(HeaderList& list, const std::string& header) {
  curl_slist* const longer = curl_slist_append(list.get(), header.c_str());
  if (longer == nullptr) return false;
  static_cast<void>(list.release());
  list.reset(longer);
  return true;
}

std::size_t Collect(char* data, std::size_t size, std::size_t count, void* into) {
  std::string& answer = *static_cast<std::string*>(into);
  if (answer.size() + size * count > kMaxAnswerBytes) return 0;
  answer.append(data, size * count);
  return size * count;
}

long CurlMilliseconds(Milliseconds time) {
  return static_cast<long>(std::clamp<std::int64_t>(time.count(), 1, INT32_MAX));
}

// How long a call may take from now on, and how much of it reaching the server.
struct Patience {
  Milliseconds call;
  Milliseconds connect;
};

// One connection, or one to each endpoint. One thread at a time.
class Transfer {
 public:
  struct Answer {
    int status;
    std::string content_type;
    std::string body;
  };
  struct Failure {
    Error error;
    bool sent;  // The server may have received the request.
  };
  using Outcome = std::variant<Answer, Failure>;

  explicit Transfer(const ClientOptions& options) : easy_(curl_easy_init()) {
    if (easy_ == nullptr) return;
    bool good = true;
    const auto set = [&](CURLoption option, auto value) {
      good = good && curl_easy_setopt(easy_.get(), option, value) == CURLE_OK;
    };
    const auto blob = [](BytesView bytes) {
      return curl_blob{const_cast<std::uint8_t*>(bytes.data()), bytes.size(), CURL_BLOB_NOCOPY};
    };
    const curl_blob ca = blob(AsBytes(options.ca_pem));
    const curl_blob certificate = blob(AsBytes(options.certificate_pem));
    const curl_blob key = blob(options.key_pem.Reveal(SecretAccess()));
    set(CURLOPT_ERRORBUFFER, words_.data());
    set(CURLOPT_PROTOCOLS_STR, "https");
    set(CURLOPT_PROXY, "");  // An appliance is called straight, whatever the environment says.
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_3));
    set(CURLOPT_CAPATH, static_cast<char*>(nullptr));
    set(CURLOPT_CAINFO_BLOB, &ca);
    if (!options.certificate_pem.empty()) {
      set(CURLOPT_SSLCERTTYPE, "PEM");
      set(CURLOPT_SSLCERT_BLOB, &certificate);
      set(CURLOPT_SSLKEYTYPE, "PEM");
      set(CURLOPT_SSLKEY_BLOB, &key);
    }
    set(CURLOPT_TCP_NODELAY, 1L);
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
    set(CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
    set(CURLOPT_WRITEFUNCTION, &Collect);
    if (!good) easy_.reset();
  }

  bool good() const { return easy_ != nullptr; }

  Outcome Post(const std::string& endpoint, std::string_view path, const std::string& body,
               Patience patience) {
    HeaderList headers;
    if (!AppendHeader(headers, "Content-Type: application/proto") ||
        !AppendHeader(headers, "Connect-Protocol-Version: 1") ||
        !AppendHeader(headers,
                      fmt::format("Connect-Timeout-Ms: {}", CurlMilliseconds(patience.call))) ||
        // Asking first whether a body is welcome costs a round trip for each larger one.
        !AppendHeader(headers, "Expect:")) {
      return Failure{Error(Code::kInternal, "libcurl has no memory"), false};
    }
    curl_easy_setopt(easy_.get(), CURLOPT_POST, 1L);
    curl_easy_setopt(easy_.get(), CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(easy_.get(), CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(body.size()));
    return Perform(endpoint, path, headers.get(), patience);
  }

  Outcome Get(const std::string& endpoint, std::string_view path, Patience patience) {
    curl_easy_setopt(easy_.get(), CURLOPT_HTTPGET, 1L);
    return Perform(endpoint, path, nullptr, patience);
  }

 private:
  Outcome Perform(const std::string& endpoint, std::string_view path, curl_slist* headers,
                  Patience patience) {
    const std::string url = fmt::format("{}{}", endpoint, path);
    Answer answer{};
    words_[0] = '\0';
    CURL* const easy = easy_.get();
    curl_easy_setopt(easy, CURLOPT_URL, url.c_str());
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CurlMilliseconds(patience.connect));
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, CurlMilliseconds(patience.call + kAnswerGrace));
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer.body);
    const CURLcode done = curl_easy_perform(easy);
    // Neither may outlive this call in libcurl's hands.
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, nullptr);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, nullptr);
    if (done != CURLE_OK) return Failed(endpoint, done);
    long status = 0;
    const char* type = nullptr;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &type);
    answer.status = static_cast<int>(status);
    if (type != nullptr) answer.content_type = type;
    return answer;
  }

  Failure Failed(const std::string& endpoint, CURLcode code) {
    TransferFailure failure{static_cast<int>(code), 0, 0, false, words_.data()};
    if (failure.words.empty()) failure.words = curl_easy_strerror(code);
    curl_off_t handshake = 0;
    long requested = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &failure.system_error);
    curl_easy_getinfo(easy_.get(), CURLINFO_SSL_VERIFYRESULT, &failure.verify_result);
    curl_easy_getinfo(easy_.get(), CURLINFO_APPCONNECT_TIME_T, &handshake);
    curl_easy_getinfo(easy_.get(), CURLINFO_REQUEST_SIZE, &requested);
    // A connection that was open already has no handshake time, but the request's size.
    failure.connected = handshake > 0 || requested > 0;
    Error error = ErrorOfTransfer(endpoint, failure);
    // A refused client certificate shows after the request has gone out, but nobody has read that.
    const bool sent = failure.connected && error.code() != Code::kUnauthenticated;
    return Failure{std::move(error), sent};
  }

  std::unique_ptr<CURL, FreeEasy> easy_;
  std::array<char, CURL_ERROR_SIZE> words_{};
};

Status CheckEndpoint(std::string& endpoint) {
  constexpr std::size_t kMaxEndpoint = 512;
  constexpr std::size_t kShown = 64;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  const std::string_view scheme = "https://";
  const std::string_view rest =
      std::string_view(endpoint).substr(std::min(scheme.size(), endpoint.size()));
  const bool odd =
      std::ranges::any_of(rest, [](char c) { return c <= ' ' || c > '~' || c == '/' || c == '@'; });
  if (!endpoint.starts_with(scheme) || rest.empty() || odd || endpoint.size() > kMaxEndpoint) {
    return Error(
        Code::kInvalidArgument,
        fmt::format("'{}' is not an endpoint; one looks like https://appliance.example:8443",
                    endpoint.substr(0, kShown)));
  }
  return Ok();
}

Status CheckIdentity(const ClientOptions& options) {
  if (const auto ca = crypto::ReadPemCertificates(options.ca_pem); !ca.ok()) {
    return ca.error().Within("the CA certificate cannot be read");
  }
  if (options.certificate_pem.empty()) return Ok();
  const auto chain = crypto::ReadPemCertificates(options.certificate_pem);
  if (!chain.ok()) return chain.error().Within("the client certificate cannot be read");
  const auto key = crypto::SoftwareKey::FromPem(options.key_pem);
  if (!key.ok()) return key.error().Within("the client's key cannot be read");
  if (chain->front().SubjectPublicKeyInfo() != key->public_key().der()) {
    return Error(Code::kInvalidArgument,
                 "the client certificate is not of the client's key; configure the two that were "
                 "made together");
  }
  return Ok();
}

// Whether another endpoint may do better: this one could not be reached, or says so itself.
bool PassOver(const Error& error) {
  return error.code() == Code::kUnavailable || error.code() == Code::kUnauthenticated;
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientOptions options) : options_(std::move(options)) {}

  const std::vector<std::string>& endpoints() const { return options_.endpoints; }

  // `timeout` for a call, of which reaching the server may take `connect` at most.
  Patience Within(Milliseconds timeout, Milliseconds connect) const {
    return {timeout, std::min(connect, options_.connect_timeout)};
  }

  struct Tried {
    Status status;
    bool sent = false;      // The server may have acted on it.
    bool answered = false;  // The status is the server's.
  };

  Tried TryCall(std::size_t endpoint, std::string_view path, const std::string& body,
                Patience patience, google::protobuf::Message& response) {
    std::unique_ptr<Transfer> transfer = Take();
    if (!transfer->good())
      return {Error(Code::kInternal, "libcurl cannot be set up"), false, false};
    Transfer::Outcome outcome = transfer->Post(options_.endpoints[endpoint], path, body, patience);
    GiveBack(std::move(transfer));
    if (auto* const failure = std::get_if<Transfer::Failure>(&outcome)) {
      return {failure->error, failure->sent, false};
    }
    return {Read(options_.endpoints[endpoint], std::get<Transfer::Answer>(outcome), response), true,
            true};
  }

  Result<std::string> Get(std::size_t endpoint, std::string_view path, Patience patience) {
    std::unique_ptr<Transfer> transfer = Take();
    if (!transfer->good()) return Error(Code::kInternal, "libcurl cannot be set up");
    Transfer::Outcome outcome = transfer->Get(options_.endpoints[endpoint], path, patience);
    GiveBack(std::move(transfer));
    if (auto* const failure = std::get_if<Transfer::Failure>(&outcome)) return failure->error;
    auto& answer = std::get<Transfer::Answer>(outcome);
    if (answer.status != kOkStatus) return DecodeError(answer.status, answer.body);
    return std::move(answer.body);
  }

  Status CallAny(std::string_view path, const google::protobuf::Message& request,
                 google::protobuf::Message& response, const CallOptions& options) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::string body, Encode(Encoding::kProto, request));
    const Clock::time_point deadline = Clock::now() + options.timeout;
    const std::size_t first = preferred_.load(std::memory_order_relaxed);
    std::vector<Error> failures;
    for (std::size_t i = 0; i < options_.endpoints.size(); ++i) {
      const std::size_t endpoint = (first + i) % options_.endpoints.size();
      const auto left = std::chrono::duration_cast<Milliseconds>(deadline - Clock::now());
      if (left <= Milliseconds::zero()) {
        failures.emplace_back(Code::kDeadlineExceeded, "the time for the call is over");
        break;
      }
      // One that does not answer leaves time for those behind it.
      const auto share = left / static_cast<std::int64_t>(options_.endpoints.size() - i);
      const Tried tried = TryCall(endpoint, path, body, Within(left, share), response);
      const bool next =
          !tried.status.ok() && PassOver(tried.status.error()) &&
          (!tried.answered || tried.status.error().code() != Code::kUnauthenticated) &&
          (options.repeatable || !tried.sent);
      if (!next) {
        if (tried.answered) preferred_.store(endpoint, std::memory_order_relaxed);
        return tried.status;
      }
      failures.push_back(tried.status.error());
    }
    return Summary(failures);
  }

 private:
  static constexpr int kOkStatus = 200;

  static Status Read(const std::string& endpoint, const Transfer::Answer& answer,
                     google::protobuf::Message& response) {
    if (answer.status != kOkStatus) return DecodeError(answer.status, answer.body);
    const Status decoded =
        EncodingOf(answer.content_type) == Encoding::kProto
            ? Decode(Encoding::kProto, AsBytes(answer.body), response)
            : Status(Error(Code::kUnknown, "it does not speak the Connect protocol"));
    if (decoded.ok()) return Ok();
    return Error(Code::kInternal, fmt::format("{} gave an answer that cannot be read; are it and "
                                              "this program of the same release? ({})",
                                              endpoint, decoded.error().message()));
  }

  static Error Summary(const std::vector<Error>& failures) {
    if (failures.size() == 1) return failures.front();
    std::string text;
    for (const Error& failure : failures) text += (text.empty() ? "" : "; ") + failure.message();
    const bool trust = std::ranges::all_of(
        failures, [](const Error& failure) { return failure.code() == Code::kUnauthenticated; });
    return Error(trust ? Code::kUnauthenticated : Code::kUnavailable,
                 fmt::format("no endpoint could be used: {}", text));
  }

  std::unique_ptr<Transfer> Take() TWINSEAL_EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<Transfer> transfer = std::move(idle_.back());
        idle_.pop_back();
        return transfer;
      }
    }
    return std::make_unique<Transfer>(options_);
  }

  void GiveBack(std::unique_ptr<Transfer> transfer) TWINSEAL_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    idle_.push_back(std::move(transfer));
  }

  const ClientOptions options_;
  std::atomic<std::size_t> preferred_{0};
  Mutex mutex_;
  std::vector<std::unique_ptr<Transfer>> idle_ TWINSEAL_GUARDED_BY(mutex_);
};

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  if (options.endpoints.empty()) return Error(Code::kInvalidArgument, "no endpoint is given");
  for (std::string& endpoint : options.endpoints) TWINSEAL_RETURN_IF_ERROR(CheckEndpoint(endpoint));
  TWINSEAL_RETURN_IF_ERROR(CheckIdentity(options));
  if (!StartCurl()) return Error(Code::kInternal, "libcurl cannot be started");
  return std::unique_ptr<Client>(new Client(std::make_unique<Impl>(std::move(options))));
}

std::size_t Client::endpoint_count() const { return impl_->endpoints().size(); }
const std::string& Client::endpoint(std::size_t index) const { return impl_->endpoints()[index]; }

Status Client::Call(std::string_view path, const google::protobuf::Message& request,
                    google::protobuf::Message& response, const CallOptions& options) {
  return impl_->CallAny(path, request, response, options);
}

Status Client::CallAt(std::size_t endpoint, std::string_view path,
                      const google::protobuf::Message& request, google::protobuf::Message& response,
                      const CallOptions& options) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::string body, Encode(Encoding::kProto, request));
  return impl_
      ->TryCall(endpoint, path, body, impl_->Within(options.timeout, options.timeout), response)
      .status;
}

Result<std::string> Client::GetAt(std::size_t endpoint, std::string_view path,
                                  const CallOptions& options) {
  return impl_->Get(endpoint, path, impl_->Within(options.timeout, options.timeout));
}

}  // namespace twinseal::connect
