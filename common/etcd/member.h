// One member of an etcd cluster, as a child process: started, watched, started again when it ends.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::etcd {

// What the member shows to its peers and its clients, and asks of them. PEM; the certificate is for
// servers and for clients, its common name is kMemberCommonName, and it names 127.0.0.1 and the
// host of the member's peer address.
struct MemberTls {
  std::string certificate_pem;
  Secret key_pem;
  std::string ca_pem;
};

// Peers are known by it (--peer-cert-allowed-cn).
inline constexpr const char* kMemberCommonName = "twinseal-member";

struct MemberOptions {
  std::string program = "etcd";    // A path, or a name that PATH finds.
  std::string name;                // The place's.
  std::filesystem::path data_dir;  // etcd's own folder; made 0700 when it is not there.
  std::string peer_listen;         // "127.0.0.1:2380", "[::]:2380"; port 0: one that is free.
  std::string peer_address;        // "192.0.2.1:2380": what the others dial.
  // Every member's name and peer address, this one's too.
  std::vector<std::pair<std::string, std::string>> cluster;
  std::string cluster_token;
  bool existing = false;  // It joins a cluster that runs. No matter once it has data.
  // Makes a cluster of this member alone from its data, until it has once served so: the last
  // resort when the majority is lost for ever.
  bool force_new_cluster = false;
  std::string proxy;  // "" or "http://HOST:PORT": the way to the others.
  std::chrono::milliseconds heartbeat{100};
  std::chrono::milliseconds election{1'000};
  std::uint64_t quota_bytes = std::uint64_t{8} << 30;
  std::vector<std::string> further;             // Options of etcd that its use asks for.
  std::chrono::milliseconds stop_grace{5'000};  // Between SIGTERM and SIGKILL.
};

struct MemberState {
  enum class Phase {
    kStarting,  // Until it serves clients, for which it needs a majority.
    kServing,
    kWaiting,  // It ended and will be started again.
    kStopped,  // By Stop().
  };
  Phase phase = Phase::kStarting;
  // Why it ended last, or what keeps it, in the user's words with what to do; empty while it
  // serves.
  std::string reason;
  std::string version;  // "3.4.23"
  int pid = 0;          // 0 when no process runs.
  std::uint64_t restarts = 0;
};

// The lowest release whose known defects are mended; older ones work and are warned about.
inline constexpr const char* kAdvisedRelease = "3.5.32";
// False when it is older than kAdvisedRelease. `version` as in MemberState.
bool IsAdvisedRelease(const std::string& version);

// Thread-safe. The process dies with this one, inherits nothing of its environment and reads its
// certificates from memory that it shares with this process, never from a file system.
class Member {
 public:
  using OnLog = std::function<void(const std::string& line)>;

  // Returns before the member serves. `on_log` gets warnings, and what becomes of the process, one
  // line each, on a thread of its own that etcd waits for. invalid_argument for addresses that are
  // none; failed_precondition when the program is missing, is not etcd or not of 3.4 to 3.6;
  // internal when the system gives no port, thread or memory.
  static Result<std::unique_ptr<Member>> Start(MemberOptions options, const MemberTls& tls,
                                               OnLog on_log);
  virtual ~Member() = default;  // As Stop().

  // For handshakes from now on. The CA takes effect when etcd is started again.
  virtual Status Renew(const MemberTls& tls) = 0;

  // "https://127.0.0.1:PORT", for Gateway; the same as long as the object lives.
  virtual const std::string& endpoint() const = 0;
  // "127.0.0.1:2380": with the port that was chosen.
  virtual const std::string& peer_listen() const = 0;
  virtual MemberState State() const = 0;
  // False when it does not serve by then, or was stopped.
  virtual bool WaitUntilServing(std::chrono::steady_clock::time_point deadline) const = 0;
  // SIGTERM, by which a leader hands its office on; SIGKILL after the grace. Waits for the end.
  virtual void Stop() = 0;
  // Ends the process, to be started again at once: for a member that serves no more.
  virtual void Restart() = 0;
};

}  // namespace twinseal::etcd
