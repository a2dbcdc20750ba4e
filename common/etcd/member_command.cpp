#include "common/etcd/member_command.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>
#include <unistd.h>

#include "common/etcd/cluster.h"

namespace twinseal::etcd {
namespace {

constexpr Release kFirstRelease{3, 4, 0};
constexpr Release kFirstRefused{3, 7, 0};
// Here the experimental options got their final names.
constexpr Release kFinalNames{3, 6, 0};

// Changes between two snapshots of the raft log, whose entries are kept in memory until then: the
// default of 3.6. With 100,000, that of 3.4, the log of a busy ledger holds some hundred MB.
constexpr int kSnapshotCount = 10'000;
// Of the database's pages with each other, by all members.
constexpr const char* kCorruptionCheckInterval = "1h";
constexpr const char* kCompactAfter = "1h";
// How much of what it needs etcd may hold as garbage, in percent. With Go's own 100 it spends a
// quarter of its start on collecting it, and of catching up.
constexpr int kGarbage = 400;
// Of the machine's memory; it collects more often rather than hold more.
constexpr long kMemoryShare = 4;

// etcd refuses less, and more.
constexpr int kElectionHeartbeats = 5;
constexpr std::chrono::milliseconds kLongestElection{50'000};

constexpr std::string_view kVersionLine = "etcd Version: ";

std::string InitialCluster(const MemberOptions& options) {
  std::vector<std::string> members;
  members.reserve(options.cluster.size());
  for (const auto& [name, address] : options.cluster)
    members.push_back(fmt::format("{}={}", name, PeerUrl(address)));
  return fmt::format("{}", fmt::join(members, ","));
}

void AddChecks(const Release& release, std::vector<std::string>& arguments) {
  if (release < kFinalNames) {
    arguments.emplace_back("--experimental-initial-corrupt-check=true");
    arguments.push_back(
        fmt::format("--experimental-corrupt-check-time={}", kCorruptionCheckInterval));
    // A peer is known by its certificate's name; its address may be a proxy's.
    arguments.emplace_back("--experimental-peer-skip-client-san-verification=true");
    return;
  }
  arguments.emplace_back("--feature-gates=InitialCorruptCheck=true");
  arguments.push_back(fmt::format("--corrupt-check-time={}", kCorruptionCheckInterval));
  arguments.emplace_back("--peer-skip-client-san-verification=true");
}

long MachineMemory() { return sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE); }

bool IsName(const std::string& name) {
  return !name.empty() && name.find_first_of("=, \t\n") == std::string::npos;
}

}  // namespace

std::string Release::Text() const { return fmt::format("{}.{}.{}", major, minor, patch); }

Release ParseVersion(std::string_view version) {
  Release release;
  const char* at = version.data();
  const char* const end = at + version.size();
  for (int* const part : {&release.major, &release.minor, &release.patch}) {
    const auto [next, failure] = std::from_chars(at, end, *part);
    if (failure != std::errc()) return {};
    at = next;
    if (part != &release.patch) {
      if (at == end || *at != '.') return {};
      ++at;
    }
  }
  return release;
}

Result<Release> ParseRelease(std::string_view printed, const std::string& program) {
  const std::size_t at = printed.find(kVersionLine);
  const std::string_view version =
      at == std::string_view::npos
          ? std::string_view()
          : printed.substr(at + kVersionLine.size(),
                           printed.find('\n', at) - at - kVersionLine.size());
  const Release release = ParseVersion(version);
  if (release == Release()) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format("{} is not etcd: it does not say its version; install Debian's package "
                    "etcd-server or set etcd_program to where etcd is",
                    program));
  }
  if (release < kFirstRelease || release >= kFirstRefused) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} is etcd {}, and the ledger runs with 3.4 to 3.6; set etcd_program "
                             "to one of those",
                             program, release.Text()));
  }
  return release;
}

bool IsAdvisedRelease(const std::string& version) {
  return ParseVersion(version) >= ParseVersion(kAdvisedRelease);
}

Status CheckOptions(const MemberOptions& options) {
  const auto wrong = [](std::string words) {
    return Error(Code::kInvalidArgument, std::move(words));
  };
  if (!IsName(options.name))
    return wrong(fmt::format("a member of the ledger cannot be named \"{}\"", options.name));
  if (options.data_dir.empty()) return wrong("the ledger's member has no data_dir");
  for (const auto& [name, address] : options.cluster) {
    if (!IsName(name))
      return wrong(fmt::format("a member of the ledger cannot be named \"{}\"", name));
    TWINSEAL_ASSIGN_OR_RETURN(const Address parsed, ParseAddress(address, "peer_address"));
    if (parsed.port == 0) return wrong(fmt::format("the peer_address {} has no port", address));
  }
  const bool listed =
      std::any_of(options.cluster.begin(), options.cluster.end(), [&](auto& member) {
        return member.first == options.name && member.second == options.peer_address;
      });
  if (!listed) {
    return wrong(fmt::format("{} at {} is not among the members of its own ledger", options.name,
                             options.peer_address));
  }
  if (options.heartbeat.count() < 1 || options.election < kElectionHeartbeats * options.heartbeat ||
      options.election > kLongestElection) {
    return wrong(fmt::format(
        "heartbeat_ms is {} and election_ms {}; give election_ms at least {} times heartbeat_ms "
        "and at most {}",
        options.heartbeat.count(), options.election.count(), kElectionHeartbeats,
        kLongestElection.count()));
  }
  if (!options.proxy.empty() && options.proxy.rfind("http://", 0) != 0)
    return wrong(fmt::format("proxy is \"{}\"; give http://HOST:PORT", options.proxy));
  return Ok();
}

std::vector<std::string> MemberArguments(const MemberOptions& options, const Release& release,
                                         const MemberAddresses& addresses,
                                         const std::string& bundle, const std::string& ca,
                                         bool force_new_cluster) {
  const std::string client = fmt::format("https://{}", addresses.client);
  std::vector<std::string> arguments = {
      "--name=" + options.name,
      "--data-dir=" + options.data_dir.string(),
      "--listen-client-urls=" + client,
      "--advertise-client-urls=" + client,
      "--listen-peer-urls=https://" + addresses.peer_listen,
      "--initial-advertise-peer-urls=" + PeerUrl(options.peer_address),
      "--initial-cluster=" + InitialCluster(options),
      "--initial-cluster-token=" + options.cluster_token,
      fmt::format("--initial-cluster-state={}", options.existing ? "existing" : "new"),
      fmt::format("--heartbeat-interval={}", options.heartbeat.count()),
      fmt::format("--election-timeout={}", options.election.count()),
      "--pre-vote=true",
      fmt::format("--snapshot-count={}", kSnapshotCount),
      fmt::format("--quota-backend-bytes={}", options.quota_bytes),
      "--auto-compaction-mode=periodic",
      fmt::format("--auto-compaction-retention={}", kCompactAfter),
      "--client-cert-auth=true",
      "--trusted-ca-file=" + ca,
      "--cert-file=" + bundle,
      "--key-file=" + bundle,
      "--peer-client-cert-auth=true",
      fmt::format("--peer-cert-allowed-cn={}", kMemberCommonName),
      "--peer-trusted-ca-file=" + ca,
      "--peer-cert-file=" + bundle,
      "--peer-key-file=" + bundle,
      "--logger=zap",
      "--log-level=info",  // One of them tells that it serves.
      "--log-outputs=stderr",
  };
  AddChecks(release, arguments);
  if (force_new_cluster) arguments.emplace_back("--force-new-cluster=true");
  arguments.insert(arguments.end(), options.further.begin(), options.further.end());
  return arguments;
}

std::vector<std::string> MemberEnvironment(const MemberOptions& options, const std::string& path) {
  std::vector<std::string> environment = {
      "PATH=" + path, fmt::format("GOGC={}", kGarbage),
      fmt::format("GOMEMLIMIT={}", MachineMemory() / kMemoryShare)};
#if defined(__aarch64__)
  // etcd 3.4 starts there only when it is told to.
  environment.emplace_back("ETCD_UNSUPPORTED_ARCH=arm64");
#endif
  if (options.proxy.empty()) return environment;
  environment.push_back("HTTPS_PROXY=" + options.proxy);
  environment.emplace_back("NO_PROXY=127.0.0.1,localhost,::1");
  return environment;
}

}  // namespace twinseal::etcd
