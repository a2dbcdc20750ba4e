#include "tests/unit/firmware/service/fake_core.h"

#include <csignal>
#include <cstring>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "common/base/bytes.h"

namespace twinseal::service {
namespace {

std::string HexOf(const std::string& id) { return HexEncode(AsBytes(id)); }

// A fake replica blob: the header's size, the header, the private key.
std::string MakeBlob(const v1::KeyHeader& header, const std::string& private_der) {
  const std::string bytes = header.SerializeAsString();
  return std::to_string(bytes.size()) + "|" + bytes + private_der;
}

bool ReadBlob(const std::string& blob, v1::KeyHeader& header, std::string& private_der) {
  const std::size_t bar = blob.find('|');
  if (bar == std::string::npos) return false;
  const std::size_t size = std::stoul(blob.substr(0, bar));
  private_der = blob.substr(bar + 1 + size);
  return header.ParseFromString(blob.substr(bar + 1, size));
}

Error BadBinding() { return Error(Code::kDataLoss, "the blob's binding does not hold"); }

}  // namespace

void FakeVault::SetFault(Fault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

std::optional<v1::KeyHeader> FakeVault::Find(const std::string& key_id_hex) const {
  const std::lock_guard lock(mutex_);
  const auto found = rows_.find(key_id_hex);
  if (found == rows_.end()) return std::nullopt;
  return found->second.header;
}

bool FakeVault::Erased(const std::string& key_id_hex) const {
  const std::lock_guard lock(mutex_);
  return erased_.contains(key_id_hex);
}

std::string FakeVault::identity_der() const {
  const std::lock_guard lock(mutex_);
  return token_.identity_der();
}

std::string FakeVault::domain() const {
  const std::lock_guard lock(mutex_);
  return token_.domain();
}

bool FakeVault::has_transport_key() const {
  const std::lock_guard lock(mutex_);
  return token_.has_transport_key();
}

void FakeVault::Forget(const std::string& key_id_hex) {
  const std::lock_guard lock(mutex_);
  rows_.erase(key_id_hex);
}

v1::CoreResponse FakeVault::Handle(const v1::CoreRequest& request) {
  Fault fault;
  {
    const std::lock_guard lock(mutex_);
    fault = fault_;
  }
  std::optional<Error> injected = fault ? fault(request) : std::nullopt;
  Result<v1::CoreResponse> result = injected ? Result<v1::CoreResponse>(*injected) : Do(request);
  v1::CoreResponse response;
  if (result.ok()) {
    response = *std::move(result);
  } else {
    response.mutable_failure()->set_code(std::string(CodeName(result.error().code())));
    response.mutable_failure()->set_message(result.error().message());
  }
  response.set_number(request.number());
  return response;
}

Result<v1::CoreResponse> FakeVault::Do(const v1::CoreRequest& request) {
  v1::CoreResponse response;
  const std::lock_guard lock(mutex_);
  switch (request.call_case()) {
    case v1::CoreRequest::kGenerate: {
      ++generated_;
      const auto [public_der, private_der] = NewKeyPair();
      v1::KeyHeader header = request.generate().header();
      header.set_public_key_der(public_der);
      response.mutable_blob()->set_replica_blob(MakeBlob(header, private_der));
      *response.mutable_blob()->mutable_header() = header;
      return response;
    }
    case v1::CoreRequest::kRevise: {
      v1::KeyHeader header;
      std::string private_der;
      if (!ReadBlob(request.revise().replica_blob(), header, private_der)) return BadBinding();
      if (request.revise().revision() <= header.revision()) {
        return Error(Code::kFailedPrecondition, "the revision is not higher than the blob's");
      }
      header.set_state(request.revise().state());
      *header.mutable_policy() = request.revise().policy();
      header.set_revision(request.revise().revision());
      response.mutable_blob()->set_replica_blob(MakeBlob(header, private_der));
      *response.mutable_blob()->mutable_header() = header;
      return response;
    }
    case v1::CoreRequest::kInstall: {
      v1::KeyHeader header;
      std::string private_der;
      if (!ReadBlob(request.install().replica_blob(), header, private_der)) return BadBinding();
      const std::string id = HexOf(header.key_id());
      if (erased_.contains(id)) return Error(Code::kFailedPrecondition, "the key is destroyed");
      const auto found = rows_.find(id);
      if (found != rows_.end() && found->second.header.revision() > header.revision()) {
        return Error(Code::kFailedPrecondition, "the blob is older than what was seen");
      }
      ++installs_;
      rows_[id] = {header, private_der};
      response.mutable_done();
      return response;
    }
    case v1::CoreRequest::kSeenRevision: {
      const auto found = rows_.find(HexOf(request.seen_revision().key_id()));
      response.mutable_seen_revision()->set_revision(
          found == rows_.end() ? 0 : found->second.header.revision());
      return response;
    }
    case v1::CoreRequest::kErase: {
      const std::string id = HexOf(request.erase().key_id());
      rows_.erase(id);
      erased_[id] = true;
      response.mutable_done();
      return response;
    }
    case v1::CoreRequest::kSign:
      return Sign(request.sign());
    case v1::CoreRequest::kStatus:
      response.mutable_status()->set_hsm_state("ready");
      response.mutable_status()->set_hsm_sessions(2);
      response.mutable_status()->set_memory_lock("all");
      response.mutable_status()->set_vault_keys(rows_.size());
      return response;
    default:
      if (request.has_drop_domain()) {
        rows_.clear();
        erased_.clear();
      }
      return token_.Answer(request);
  }
}

Result<v1::CoreResponse> FakeVault::Sign(const v1::CoreSignRequest& request) {
  const auto found = rows_.find(HexOf(request.key_id()));
  if (found == rows_.end() || found->second.header.revision() < request.revision()) {
    return Error(Code::kAborted, "the vault does not have that revision");
  }
  const Row& row = found->second;
  if (row.header.state() != v1::ENABLED)
    return Error(Code::kFailedPrecondition, "the key is not enabled");
  if (request.version() < row.header.version())
    return Error(Code::kFailedPrecondition, "an old version");
  v1::CoreResponse response;
  for (const std::string& digest : request.digests()) {
    response.mutable_sign()->add_signatures(SignDigest(row.private_key, digest));
  }
  return response;
}

void DirectCore::Call(v1::CoreRequest request, Deadline, Callback done) {
  v1::CoreResponse response = vault_->Handle(request);
  if (response.has_failure()) {
    done(Error(*CodeFromName(response.failure().code()), response.failure().message()));
  } else {
    done(std::move(response));
  }
}

bool ReadFrame(int fd, std::string& body) {
  const auto all = [fd](char* at, std::size_t size) {
    while (size > 0) {
      const ssize_t n = read(fd, at, size);
      if (n <= 0) return false;
      at += n;
      size -= static_cast<std::size_t>(n);
    }
    return true;
  };
  unsigned char head[4];
  if (!all(reinterpret_cast<char*>(head), sizeof head)) return false;
  const std::size_t size = (std::size_t{head[0]} << 24) | (std::size_t{head[1]} << 16) |
                           (std::size_t{head[2]} << 8) | std::size_t{head[3]};
  body.resize(size);
  return all(body.data(), size);
}

bool WriteFrame(int fd, const std::string& body) {
  std::string frame;
  for (const int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(body.size() >> shift));
  frame += body;
  std::size_t at = 0;
  while (at < frame.size()) {
    const ssize_t n = send(fd, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += static_cast<std::size_t>(n);
  }
  return true;
}

FakeProcess::FakeProcess(std::shared_ptr<FakeVault> vault, std::optional<ProcessEnd> end_at_once)
    : vault_(std::move(vault)) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) std::abort();
  ours_ = UniqueFd(ends[0]);
  theirs_ = UniqueFd(ends[1]);
  if (end_at_once) {
    shutdown(theirs_.get(), SHUT_RDWR);
    end_ = end_at_once;
    return;
  }
  thread_ = std::thread([this] { Serve(); });
}

FakeProcess::~FakeProcess() {
  Kill();
  if (thread_.joinable()) thread_.join();
}

void FakeProcess::Serve() {
  std::string body;
  while (ReadFrame(theirs_.get(), body)) {
    v1::CoreRequest request;
    if (!request.ParseFromString(body)) break;
    if (!WriteFrame(theirs_.get(), vault_->Handle(request).SerializeAsString())) break;
  }
  shutdown(theirs_.get(), SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  end_ = killed_ ? ProcessEnd{0, SIGKILL} : ProcessEnd{0, 0};
  changed_.notify_all();
}

ProcessEnd FakeProcess::Wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return end_.has_value(); });
  return *end_;
}

bool FakeProcess::WaitFor(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, time, [this] { return end_.has_value(); });
}

void FakeProcess::Kill() {
  // Under the lock: whoever waits for the end may destroy this as soon as it is there.
  const std::lock_guard lock(mutex_);
  if (!end_) killed_ = true;
  shutdown(theirs_.get(), SHUT_RDWR);
}

void Launches::WaitFor(int launches) {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return count >= launches; });
}

Result<std::unique_ptr<CoreProcess>> FakeLauncher::Launch() {
  const std::lock_guard lock(launches_->mutex);
  std::optional<ProcessEnd> end;
  if (!launches_->ends.empty()) {
    end = launches_->ends.front();
    launches_->ends.erase(launches_->ends.begin());
  }
  auto process = std::make_unique<FakeProcess>(vault_, end);
  launches_->current = process.get();
  ++launches_->count;
  launches_->changed.notify_all();
  return std::unique_ptr<CoreProcess>(std::move(process));
}

}  // namespace twinseal::service
