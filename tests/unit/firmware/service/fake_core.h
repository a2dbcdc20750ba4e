// A signing core without an HSM: keeps its keys in plaintext, and can be told to fail at any call.
// It answers the same calls by the same rules as twinseal-core, directly or over a socket.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/base/unique_fd.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/core_link/core_process.h"
#include "tests/unit/firmware/service/fake_token.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::service {

// What survives a restart, as the vault does. Thread-safe.
class FakeVault {
 public:
  // `asked` before a call is done: an error is answered instead of doing it.
  using Fault = std::function<std::optional<Error>(const v1::CoreRequest&)>;

  explicit FakeVault(FakeToken::Domain domain = FakeToken::Domain::kOwn) : token_(domain) {}

  v1::CoreResponse Handle(const v1::CoreRequest& request);

  void SetFault(Fault fault);

  // What the vault has of a key: nothing, or its newest header.
  std::optional<v1::KeyHeader> Find(const std::string& key_id_hex) const;
  bool Erased(const std::string& key_id_hex) const;
  // As a vault put back from an old copy: the key is not there, and nothing is remembered.
  void Forget(const std::string& key_id_hex);

  // Of the token.
  std::string identity_der() const;
  std::string domain() const;
  bool has_transport_key() const;

  std::uint64_t installs() const { return installs_; }
  std::uint64_t generated() const { return generated_; }

 private:
  struct Row {
    v1::KeyHeader header;
    std::string private_key;  // DER.
  };

  Result<v1::CoreResponse> Do(const v1::CoreRequest& request);
  Result<v1::CoreResponse> Sign(const v1::CoreSignRequest& request);

  mutable std::mutex mutex_;
  Fault fault_;
  FakeToken token_;
  std::map<std::string, Row> rows_;
  std::map<std::string, bool> erased_;
  std::atomic<std::uint64_t> installs_ = 0;
  std::atomic<std::uint64_t> generated_ = 0;
};

// Answers inside the call.
class DirectCore : public Core {
 public:
  explicit DirectCore(std::shared_ptr<FakeVault> vault) : vault_(std::move(vault)) {}
  void Call(v1::CoreRequest request, Deadline deadline, Callback done) override;

 private:
  std::shared_ptr<FakeVault> vault_;
};

// A "process" that speaks core.proto's frames from a thread, until its socket is closed or it is
// killed.
class FakeProcess : public CoreProcess {
 public:
  explicit FakeProcess(std::shared_ptr<FakeVault> vault,
                       std::optional<ProcessEnd> end_at_once = std::nullopt);
  ~FakeProcess() override;

  UniqueFd TakeSocket() override { return std::move(ours_); }
  ProcessEnd Wait() override;
  bool WaitFor(std::chrono::milliseconds time) override;
  void Kill() override;
  int pid() const override { return 4711; }

 private:
  void Serve();

  std::shared_ptr<FakeVault> vault_;
  UniqueFd ours_;
  UniqueFd theirs_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ProcessEnd> end_;
  bool killed_ = false;
  std::thread thread_;
};

// What a test sees of the processes that a supervisor started.
struct Launches {
  std::mutex mutex;
  std::condition_variable changed;
  int count = 0;
  FakeProcess* current = nullptr;
  // How the next launches end at once; empty: they serve.
  std::vector<ProcessEnd> ends;

  void WaitFor(int launches);
};

class FakeLauncher : public CoreLauncher {
 public:
  FakeLauncher(std::shared_ptr<FakeVault> vault, std::shared_ptr<Launches> launches)
      : vault_(std::move(vault)), launches_(std::move(launches)) {}
  Result<std::unique_ptr<CoreProcess>> Launch() override;

 private:
  std::shared_ptr<FakeVault> vault_;
  std::shared_ptr<Launches> launches_;
};

// A read and a write of one frame on a blocking socket; false at its end.
bool ReadFrame(int fd, std::string& body);
bool WriteFrame(int fd, const std::string& body);

}  // namespace twinseal::service
