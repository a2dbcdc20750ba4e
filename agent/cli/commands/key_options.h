// The options that make a key's policy.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/cli/commands/site_policy_options.h"
#include "twinseal/v1/keys.pb.h"

namespace CLI {
class App;
}

namespace twinseal::cli {

// What the user said about a policy; what was not said stays as it is.
class PolicyOptions {
 public:
  // The object must outlive the parsing. `clearing` adds options that empty the lists, for a policy
  // that there is.
  void AddTo(CLI::App& app, bool clearing);

  // Throws CLI::ValidationError when options contradict each other in a way that CLI11 cannot see.
  void Check() const { at_sites_.Check(); }

  // Puts what was said into `policy`.
  void ApplyTo(v1::KeyPolicy& policy) const;

  // Whether anything was said.
  bool any() const;

 private:
  std::vector<std::string> applications_;
  std::vector<v1::Scheme> schemes_;
  std::vector<std::string> sites_;
  bool no_application_ = false;
  bool any_scheme_ = false;
  bool any_site_ = false;
  std::uint32_t max_signatures_ = 0;
  v1::Isolation isolation_ = v1::ISOLATION_UNSPECIFIED;
  std::uint32_t isolation_seconds_ = 0;
  std::chrono::seconds min_wait_{-1};
  SitePolicyOptions at_sites_;
};

}  // namespace twinseal::cli
