#include "tests/support/etcd_cluster.h"

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include <fmt/format.h>

#include "common/etcd/cluster.h"

namespace twinseal::test {

struct EtcdCluster::Log {
  std::mutex mutex;
  std::condition_variable more;
  std::string text;

  void Add(const std::string& name, const std::string& line) {
    const std::lock_guard lock(mutex);
    text += fmt::format("{}: {}\n", name, line);
    more.notify_all();
  }
};

EtcdCluster::EtcdCluster(std::vector<std::string> names) : log_(std::make_shared<Log>()) {
  for (std::string& name : names) {
    Result<etcd::KeptPort> port = etcd::KeptPort::On("127.0.0.1");
    if (!port.ok()) throw std::runtime_error(port.error().message());
    places_.push_back({std::move(name), std::move(*port), nullptr});
  }
}

etcd::MemberOptions EtcdCluster::OptionsOf(const std::string& name) const {
  etcd::MemberOptions options;
  options.name = name;
  options.data_dir = folder_ / name;
  options.peer_listen = fmt::format("127.0.0.1:{}", Find(name).peer_port.number());
  options.peer_address = options.peer_listen;
  for (const Place& place : places_) {
    options.cluster.emplace_back(place.name, fmt::format("127.0.0.1:{}", place.peer_port.number()));
  }
  options.cluster_token = "test";
  return options;
}

etcd::MemberTls EtcdCluster::Tls() const {
  const Identity member = ca_.Member();
  return {member.CertificatePem(), member.KeyPem(), ca_.certificate().Pem()};
}

etcd::Member& EtcdCluster::Start(const std::string& name) { return Start(name, OptionsOf(name)); }

etcd::Member& EtcdCluster::Start(const std::string& name, etcd::MemberOptions options) {
  auto started = etcd::Member::Start(std::move(options), Tls(), LogOf(name));
  if (!started.ok()) throw std::runtime_error(started.error().message());
  Place& place = Find(name);
  place.member = std::move(*started);
  return *place.member;
}

void EtcdCluster::Stop(const std::string& name) { Find(name).member.reset(); }

void EtcdCluster::StartAll() {
  for (const Place& place : places_) Start(place.name);
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const Place& place : places_) {
    if (!place.member->WaitUntilServing(deadline)) {
      throw std::runtime_error(fmt::format("the member {} does not serve: {}\n{}", place.name,
                                           place.member->State().reason, log()));
    }
  }
}

etcd::Member& EtcdCluster::at(const std::string& name) { return *Find(name).member; }

std::string EtcdCluster::Leader() const {
  while (true) {
    for (const Place& place : places_) {
      const auto status = etcd::StatusOf(**etcd::Gateway::Create(GatewayTo({place.name})));
      if (status.ok() && status->leader_id == status->member_id) return place.name;
    }
  }
}

void EtcdCluster::MakeLeader(const std::string& name) const {
  const std::string leader = Leader();
  if (leader == name) return;
  const auto gateway = *etcd::Gateway::Create(GatewayTo({leader}));
  const std::vector<etcd::ClusterMember> members = etcd::Members(*gateway).value();
  for (const etcd::ClusterMember& member : members) {
    if (member.name != name) continue;
    if (etcd::MoveLeader(*gateway, member.id).ok()) return;
  }
  throw std::runtime_error(name + " does not take the leadership");
}

etcd::GatewayOptions EtcdCluster::GatewayTo(const std::vector<std::string>& names) const {
  etcd::GatewayOptions options;
  for (const std::string& name : names) options.endpoints.push_back(Find(name).member->endpoint());
  options.identity = {ca_.certificate().Pem(), client_.CertificatePem(), client_.KeyPem()};
  return options;
}

std::string EtcdCluster::log() const {
  const std::lock_guard lock(log_->mutex);
  return log_->text;
}

void EtcdCluster::AwaitLog(const std::string& text) const {
  std::unique_lock lock(log_->mutex);
  const bool came = log_->more.wait_for(lock, kPatience,
                                        [&] { return log_->text.find(text) != std::string::npos; });
  if (!came) throw std::runtime_error("the log lacks \"" + text + "\":\n" + log_->text);
}

etcd::Member::OnLog EtcdCluster::LogOf(const std::string& name) const {
  return [log = log_, name](const std::string& line) { log->Add(name, line); };
}

EtcdCluster::Place& EtcdCluster::Find(const std::string& name) {
  for (Place& place : places_)
    if (place.name == name) return place;
  throw std::runtime_error("no member " + name);
}

const EtcdCluster::Place& EtcdCluster::Find(const std::string& name) const {
  return const_cast<EtcdCluster*>(this)->Find(name);
}

}  // namespace twinseal::test
