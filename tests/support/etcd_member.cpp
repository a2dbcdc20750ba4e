#include "tests/support/etcd_member.h"

#include <array>
#include <csignal>
#include <fstream>
#include <future>
#include <stdexcept>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/ledger/etcd_ledger.h"
#include "tests/support/etcd_cluster.h"

namespace twinseal::test {
namespace {

// What is written outlives a kill all the same, and a busy disk is not waited for.
constexpr const char* kUnsynced = "--unsafe-no-fsync";

// One that was free a moment ago.
int FreePort() {
  const UniqueFd probe(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (bind(probe.get(), any, size) != 0 || getsockname(probe.get(), any, &size) != 0)
    throw std::runtime_error("no port is free");
  return ntohs(address.sin_port);
}

void WriteTo(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::trunc) << text;
}

}  // namespace

EtcdMember::EtcdMember() {
  WriteTo(folder_ / "ca.pem", ca_.certificate().Pem());
  WriteTo(folder_ / "member.pem", member_.CertificatePem());
  WriteTo(folder_ / "member.key", AsText(member_.KeyPem().Reveal(SecretAccess())));
  // Another process may take a port between the probe and etcd's start.
  for (int attempt = 0; attempt < 5; ++attempt) {
    client_port_ = FreePort();
    peer_port_ = FreePort();
    if (TryToStart()) return;
  }
  throw std::runtime_error("etcd does not start; is etcd-server installed? " + last_words_);
}

EtcdMember::~EtcdMember() { Kill(); }

void EtcdMember::Start() {
  if (!TryToStart()) throw std::runtime_error("etcd does not start again: " + last_words_);
}

bool EtcdMember::TryToStart() {
  const std::string client = fmt::format("https://127.0.0.1:{}", client_port_);
  const std::string peer = fmt::format("https://127.0.0.1:{}", peer_port_);
  const auto file = [this](const char* name) { return (folder_ / name).string(); };
  std::vector<std::string> words = {"etcd",
                                    "--name=m",
                                    "--data-dir=" + file("data"),
                                    "--logger=zap",
                                    "--listen-client-urls=" + client,
                                    "--advertise-client-urls=" + client,
                                    "--listen-peer-urls=" + peer,
                                    "--initial-advertise-peer-urls=" + peer,
                                    "--initial-cluster=m=" + peer,
                                    "--heartbeat-interval=10",
                                    "--election-timeout=100",
                                    "--client-cert-auth",
                                    "--trusted-ca-file=" + file("ca.pem"),
                                    "--cert-file=" + file("member.pem"),
                                    "--key-file=" + file("member.key"),
                                    "--peer-client-cert-auth",
                                    "--peer-trusted-ca-file=" + file("ca.pem"),
                                    "--peer-cert-file=" + file("member.pem"),
                                    "--peer-key-file=" + file("member.key"),
                                    kUnsynced,
                                    ledger::EtcdLedger::kMemberOption};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe failed");
  UniqueFd out(ends[0]);
  UniqueFd in(ends[1]);
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ < 0) throw std::runtime_error("fork failed");
  if (process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    dup2(in.get(), STDOUT_FILENO);
    dup2(in.get(), STDERR_FILENO);
    execvp("etcd", arguments.data());
    _exit(127);
  }
  in.Reset();
  // Nothing once it serves; all that it said when it ended instead.
  std::promise<std::string> serves;
  std::future<std::string> ended = serves.get_future();
  log_ = std::thread([out = std::move(out), serves = std::move(serves)]() mutable {
    std::string text;
    std::array<char, 4096> piece;
    bool told = false;
    ssize_t count = 0;
    while ((count = read(out.get(), piece.data(), piece.size())) > 0) {
      if (told) continue;
      text.append(piece.data(), static_cast<std::size_t>(count));
      // The words of etcd 3.4 to 3.6.
      told = text.find("serving client") != std::string::npos;
      if (told) serves.set_value("");
    }
    if (!told) serves.set_value(text);
  });
  last_words_ = ended.get();
  if (last_words_.empty()) return true;
  Kill();
  return false;
}

void EtcdMember::Kill() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = -1;
  log_.join();
}

void EtcdMember::Suspend() { kill(process_, SIGSTOP); }
void EtcdMember::Resume() { kill(process_, SIGCONT); }

void EtcdMember::Save() {
  std::filesystem::copy(folder_ / "data", folder_ / "saved",
                        std::filesystem::copy_options::recursive);
}

void EtcdMember::Restore() {
  std::filesystem::remove_all(folder_ / "data");
  std::filesystem::copy(folder_ / "saved", folder_ / "data",
                        std::filesystem::copy_options::recursive);
}

std::string EtcdMember::endpoint() const {
  return fmt::format("https://127.0.0.1:{}", client_port_);
}

etcd::GatewayOptions EtcdMember::options() const {
  etcd::GatewayOptions options;
  options.endpoints = {endpoint()};
  options.identity = {ca_.certificate().Pem(), client_.CertificatePem(), client_.KeyPem()};
  options.call_timeout = options.commit_timeout = options.connect_timeout = EtcdCluster::kPatience;
  return options;
}

}  // namespace twinseal::test
