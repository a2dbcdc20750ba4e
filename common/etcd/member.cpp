#include "common/etcd/member.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mutex.h"
#include "common/base/unique_fd.h"
#include "common/etcd/address.h"
#include "common/etcd/child_process.h"
#include "common/etcd/member_command.h"
#include "common/etcd/member_log.h"
#include "common/etcd/memory_file.h"

namespace twinseal::etcd {
namespace {

using Clock = std::chrono::steady_clock;
using Phase = MemberState::Phase;

// Where the process finds its files: see ChildCommand.
constexpr const char* kBundlePath = "/proc/self/fd/3";
constexpr const char* kCaPath = "/proc/self/fd/4";

constexpr const char* kUsualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kVersionMilliseconds = 10'000;
constexpr std::size_t kMaxVersionBytes = 4096;

// Between an end and the next start: doubled each time, from the start again after it served long.
constexpr std::chrono::milliseconds kFirstPause{200};
constexpr std::chrono::milliseconds kLongestPause{10'000};
constexpr std::chrono::seconds kServedLong{60};
// Members that are there find each other sooner.
constexpr std::chrono::seconds kMajorityIsLate{5};

constexpr const char* kLoopback = "127.0.0.1";
constexpr Clock::time_point kNever = Clock::time_point::max();

// For poll: -1 for never.
int MillisecondsUntil(Clock::time_point time) {
  if (time == kNever) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(time - Clock::now());
  return static_cast<int>(std::max(left.count(), std::chrono::milliseconds::rep{0}));
}

Error NoResources(std::string_view why) {
  return Error(Code::kInternal, fmt::format("the ledger's member cannot be watched: {}", why));
}

// Certificate and key in one text.
Secret Bundle(const MemberTls& tls) {
  const BytesView key = tls.key_pem.Reveal(SecretAccess());
  Secret bundle(tls.certificate_pem.size() + 1 + key.size());
  auto out = bundle.Writable(SecretAccess()).begin();
  out = std::copy(tls.certificate_pem.begin(), tls.certificate_pem.end(), out);
  *out++ = '\n';
  std::copy(key.begin(), key.end(), out);
  return bundle;
}

Secret CaText(const MemberTls& tls) { return Secret(AsBytes(tls.ca_pem)); }

std::string SearchPath() {
  const char* const path = getenv("PATH");
  return path == nullptr || *path == '\0' ? kUsualPath : path;
}

Status MakeFolder(const std::filesystem::path& folder) {
  std::error_code failure;
  std::filesystem::create_directories(folder.parent_path(), failure);
  if (mkdir(folder.c_str(), S_IRWXU) == 0 || errno == EEXIST) return Ok();
  return Error(Code::kFailedPrecondition, fmt::format("the ledger's folder {} cannot be made: {}",
                                                      folder.string(), strerror(errno)));
}

// What a member is started with, each time.
struct Fixed {
  MemberOptions options;
  std::string path;
  std::string program;
  Release release;
  MemberAddresses addresses;
  // The ports that were chosen here.
  std::vector<KeptPort> ports;
};

class Supervised : public Member {
 public:
  Supervised(Fixed fixed, MemoryFile bundle, MemoryFile ca, UniqueFd wake, OnLog on_log)
      : fixed_(std::move(fixed)),
        endpoint_("https://" + fixed_.addresses.client),
        on_log_(std::move(on_log)),
        wake_(std::move(wake)),
        log_(fixed_.options.data_dir.string(), on_log_),
        forced_(fixed_.options.force_new_cluster),
        bundle_(std::move(bundle)),
        ca_(std::move(ca)) {
    state_.version = fixed_.release.Text();
    // The process ends with the thread that started it, so that one thread is there for all.
    thread_ = std::thread([this] { Run(); });
  }

  ~Supervised() override { Supervised::Stop(); }

  Status Renew(const MemberTls& tls) override {
    const Secret bundle = Bundle(tls);
    const Secret ca = CaText(tls);
    const MutexLock lock(files_mutex_);
    TWINSEAL_RETURN_IF_ERROR(ca_.Replace(ca));
    return bundle_.Replace(bundle);
  }

  const std::string& endpoint() const override { return endpoint_; }
  const std::string& peer_listen() const override { return fixed_.addresses.peer_listen; }

  MemberState State() const override {
    const MutexLock lock(mutex_);
    return state_;
  }

  bool WaitUntilServing(Clock::time_point deadline) const override {
    const MutexLock lock(mutex_);
    while (state_.phase != Phase::kServing) {
      if (state_.phase == Phase::kStopped || Clock::now() >= deadline) return false;
      changed_.WaitUntil(mutex_, deadline);
    }
    return true;
  }

  void Stop() override {
    stopping_ = true;
    Wake();
    const MutexLock lock(join_mutex_);
    if (thread_.joinable()) thread_.join();
  }

  void Restart() override {
    restarting_ = true;
    Wake();
  }

 private:
  void Run() {
    std::chrono::milliseconds pause = kFirstPause;
    while (!stopping_) {
      restarting_ = false;
      const Clock::time_point started = Clock::now();
      RunOnce();
      if (restarting_ || Clock::now() - started > kServedLong) pause = kFirstPause;
      if (!stopping_ && !restarting_) Sleep(pause);
      pause = std::min(2 * pause, kLongestPause);
    }
    Become(Phase::kStopped, "");
  }

  // From the process's start to its end.
  void RunOnce() {
    Become(Phase::kStarting, "");
    log_.Begin();
    Result<ChildProcess> child = ChildProcess::Spawn(Command());
    if (!child.ok()) return Ended(child.error().message());
    SetPid(child->pid());
    Watch(*child);
    const std::string end = child->Wait();
    Drain(*child);
    const Clock::time_point now = Clock::now();
    log_.End(now);
    if (stopping_ || restarting_) return Ended("it was stopped");
    const std::string reason = log_.Reason(now);
    Ended(reason.empty() ? fmt::format("etcd ended with {}", end) : reason);
    on_log_(fmt::format("etcd ended with {}{}{}; it is started again", end,
                        reason.empty() ? "" : ": ", reason));
  }

  ChildCommand Command() const {
    return {.program = fixed_.program,
            .arguments = MemberArguments(fixed_.options, fixed_.release, fixed_.addresses,
                                         kBundlePath, kCaPath, forced_),
            .environment = MemberEnvironment(fixed_.options, fixed_.path),
            .files = {bundle_.fd(), ca_.fd()}};
  }

  // Until the process has ended.
  void Watch(ChildProcess& child) {
    const Clock::time_point late = Clock::now() + kMajorityIsLate;
    Clock::time_point kill_at = kNever;
    bool asked = false;
    bool prints = true;
    while (true) {
      if ((stopping_ || restarting_) && !asked) {
        asked = true;
        log_.Ending();
        child.Signal(SIGTERM);
        kill_at = Clock::now() + fixed_.options.stop_grace;
      }
      std::array<pollfd, 3> polled = {pollfd{child.handle(), POLLIN, 0},
                                      pollfd{prints ? child.output() : -1, POLLIN, 0},
                                      pollfd{wake_.get(), POLLIN, 0}};
      const bool waits = !asked && !log_.serving() && Clock::now() < late;
      poll(polled.data(), polled.size(), MillisecondsUntil(waits ? late : kill_at));
      if (polled[0].revents != 0) return;
      if (polled[1].revents != 0) prints = Drain(child);
      if (polled[2].revents != 0) Woken();
      if (!asked) Judge(late);
      if (Clock::now() >= kill_at) {
        child.Signal(SIGKILL);
        kill_at = kNever;
      }
    }
  }

  // False when it will print no more.
  bool Drain(ChildProcess& child) {
    std::array<char, 16'384> piece;
    while (true) {
      const ssize_t count = read(child.output(), piece.data(), piece.size());
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return count < 0 && errno == EAGAIN;
      log_.Take({piece.data(), static_cast<std::size_t>(count)}, Clock::now());
    }
  }

  // What the log says of the member that runs.
  void Judge(Clock::time_point late) {
    if (log_.serving()) {
      if (State().phase != Phase::kServing) Become(Phase::kServing, "");
      forced_ = false;
      return;
    }
    std::string reason = log_.Reason(Clock::now());
    if (reason.empty() && Clock::now() >= late) reason = NoMajority();
    if (!reason.empty()) Become(Phase::kStarting, std::move(reason));
  }

  std::string NoMajority() const {
    std::vector<std::string> others;
    for (const auto& [name, address] : fixed_.options.cluster)
      if (name != fixed_.options.name) others.push_back(fmt::format("{} ({})", name, address));
    return fmt::format(
        "it waits for a majority of the ledger's members: too few of {} can be reached",
        fmt::join(others, ", "));
  }

  void Become(Phase phase, std::string reason) {
    const MutexLock lock(mutex_);
    state_.phase = phase;
    state_.reason = std::move(reason);
    changed_.NotifyAll();
  }

  void Ended(std::string reason) {
    const MutexLock lock(mutex_);
    state_.phase = Phase::kWaiting;
    state_.reason = std::move(reason);
    state_.pid = 0;
    ++state_.restarts;
    changed_.NotifyAll();
  }

  void SetPid(int pid) {
    const MutexLock lock(mutex_);
    state_.pid = pid;
  }

  void Wake() {
    const std::uint64_t one = 1;
    // It fails only when it was woken 2^64 times.
    if (write(wake_.get(), &one, sizeof one) < 0) return;
  }

  void Woken() {
    std::uint64_t count = 0;
    if (read(wake_.get(), &count, sizeof count) < 0) return;
  }

  // Until then, or until it is woken.
  void Sleep(std::chrono::milliseconds time) {
    const Clock::time_point end = Clock::now() + time;
    pollfd polled{wake_.get(), POLLIN, 0};
    if (poll(&polled, 1, MillisecondsUntil(end)) > 0) Woken();
  }

  const Fixed fixed_;
  const std::string endpoint_;
  const OnLog on_log_;
  const UniqueFd wake_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> restarting_{false};

  // The thread's.
  MemberLog log_;
  bool forced_;

  Mutex files_mutex_;
  MemoryFile bundle_;  // Written under files_mutex_.
  MemoryFile ca_;

  mutable Mutex mutex_;
  mutable Condition changed_;
  MemberState state_ TWINSEAL_GUARDED_BY(mutex_);

  Mutex join_mutex_;
  std::thread thread_;  // Joined under join_mutex_.
};

Result<MemberAddresses> ChooseAddresses(const MemberOptions& options,
                                        std::vector<KeptPort>& ports) {
  TWINSEAL_ASSIGN_OR_RETURN(KeptPort client, KeptPort::On(kLoopback));
  TWINSEAL_ASSIGN_OR_RETURN(Address peer, ParseAddress(options.peer_listen, "peer_listen"));
  MemberAddresses addresses;
  addresses.client = Address{kLoopback, client.number()}.Text();
  ports.push_back(std::move(client));
  // Said here in better words than etcd's when the address is not this host's.
  TWINSEAL_ASSIGN_OR_RETURN(KeptPort free, KeptPort::On(peer.host));
  if (peer.port == 0) {
    peer.port = free.number();
    ports.push_back(std::move(free));
  }
  addresses.peer_listen = peer.Text();
  return addresses;
}

Result<Release> AskRelease(const MemberOptions& options, const std::string& program,
                           const std::string& path) {
  const ChildCommand command{.program = program,
                             .arguments = {"--version"},
                             .environment = MemberEnvironment(options, path),
                             .files = {}};
  TWINSEAL_ASSIGN_OR_RETURN(const std::string printed,
                            OutputOf(command, kMaxVersionBytes, kVersionMilliseconds));
  return ParseRelease(printed, program);
}

Error NoProgram(const std::string& program) {
  return Error(Code::kFailedPrecondition,
               fmt::format("etcd is not there: no program \"{}\" can be run; install Debian's "
                           "package etcd-server or set etcd_program to where etcd is",
                           program));
}

}  // namespace

Result<std::unique_ptr<Member>> Member::Start(MemberOptions options, const MemberTls& tls,
                                              OnLog on_log) {
  TWINSEAL_RETURN_IF_ERROR(CheckOptions(options));
  Fixed fixed;
  fixed.path = SearchPath();
  const std::optional<std::string> program = FindProgram(options.program, fixed.path);
  if (!program.has_value()) return NoProgram(options.program);
  fixed.program = *program;
  TWINSEAL_ASSIGN_OR_RETURN(fixed.release, AskRelease(options, *program, fixed.path));
  if (!IsAdvisedRelease(fixed.release.Text())) {
    on_log(
        fmt::format("the ledger's engine is etcd {}; {} or later is advised, which mends known "
                    "defects",
                    fixed.release.Text(), kAdvisedRelease));
  }
  TWINSEAL_ASSIGN_OR_RETURN(fixed.addresses, ChooseAddresses(options, fixed.ports));
  TWINSEAL_RETURN_IF_ERROR(MakeFolder(options.data_dir));
  fixed.options = std::move(options);
  TWINSEAL_ASSIGN_OR_RETURN(MemoryFile bundle, MemoryFile::Make("member", Bundle(tls)));
  TWINSEAL_ASSIGN_OR_RETURN(MemoryFile ca, MemoryFile::Make("ledger-ca", CaText(tls)));
  UniqueFd wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return NoResources(strerror(errno));
  try {
    return std::unique_ptr<Member>(std::make_unique<Supervised>(
        std::move(fixed), std::move(bundle), std::move(ca), std::move(wake), std::move(on_log)));
  } catch (const std::system_error& failure) {
    return NoResources(failure.what());
  }
}

}  // namespace twinseal::etcd
