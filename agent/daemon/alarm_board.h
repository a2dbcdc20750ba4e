// What is wrong with the pair, from when it begins until it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "twinseal/v1/agent.pb.h"

namespace twinseal::agent {

// Milliseconds since 1970.
using WallClock = std::function<std::int64_t()>;
std::int64_t UnixMilliseconds();

// The names of alarms; operators' monitoring knows them.
namespace alarm {
inline constexpr const char* kSiteUnreachable = "site-unreachable";
inline constexpr const char* kSiteNotReady = "site-not-ready";
inline constexpr const char* kLedgerBehind = "ledger-behind";
inline constexpr const char* kLedgerMember = "ledger-member";
inline constexpr const char* kLedgerNoLeader = "ledger-no-leader";
inline constexpr const char* kLedgerQuota = "ledger-quota";
inline constexpr const char* kLedgerFull = "ledger-full";
inline constexpr const char* kLedgerOldRelease = "ledger-old-release";
inline constexpr const char* kLedgerRefused = "ledger-refused";
inline constexpr const char* kLedgerDamaged = "ledger-damaged";
inline constexpr const char* kCertificates = "certificates";
inline constexpr const char* kAgentCertificate = "agent-certificate";
}  // namespace alarm

// Thread-safe.
class AlarmBoard {
 public:
  // `tell` gets a line when one begins or ends; it may be called from any thread.
  AlarmBoard(WallClock clock, std::function<void(const std::string&)> tell);

  // Begins it, or gives the one that is there another text.
  void Raise(const std::string& name, const std::string& place, const std::string& text)
      TWINSEAL_EXCLUDES(mutex_);
  void End(const std::string& name, const std::string& place) TWINSEAL_EXCLUDES(mutex_);
  // Raise or End.
  void Set(bool on, const std::string& name, const std::string& place, const std::string& text);
  // Of a place that is no more.
  void EndAllOf(const std::string& place) TWINSEAL_EXCLUDES(mutex_);

  // The oldest first.
  std::vector<v1::Alarm> All() const TWINSEAL_EXCLUDES(mutex_);

 private:
  const WallClock clock_;
  const std::function<void(const std::string&)> tell_;
  mutable Mutex mutex_;
  std::map<std::pair<std::string, std::string>, v1::Alarm> alarms_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::agent
