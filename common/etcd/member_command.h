// How etcd is called for a member: what its releases have in common, and where they differ. For the
// files of this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/etcd/address.h"
#include "common/etcd/member.h"

namespace twinseal::etcd {

struct Release {
  int major = 0;
  int minor = 0;
  int patch = 0;

  auto operator<=>(const Release&) const = default;
  std::string Text() const;  // "3.4.23"
};

// From what `etcd --version` prints; failed_precondition when that is none of etcd 3.4 to 3.6.
Result<Release> ParseRelease(std::string_view printed, const std::string& program);
// From "3.4.23"; all 0 for what is no release.
Release ParseVersion(std::string_view version);

struct MemberAddresses {
  std::string client;       // "127.0.0.1:40001"
  std::string peer_listen;  // With its real port.
};

// `bundle` is the path of certificate and key, `ca` of the CA's certificate, as the member sees
// them.
std::vector<std::string> MemberArguments(const MemberOptions& options, const Release& release,
                                         const MemberAddresses& addresses,
                                         const std::string& bundle, const std::string& ca,
                                         bool force_new_cluster);

// All of its environment.
std::vector<std::string> MemberEnvironment(const MemberOptions& options, const std::string& path);

// invalid_argument for what no etcd could be called with.
Status CheckOptions(const MemberOptions& options);

}  // namespace twinseal::etcd
