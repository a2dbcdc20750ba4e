// The options that say what differs in a key's policy at a site.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "twinseal/v1/keys.pb.h"

namespace CLI {
class App;
}

namespace twinseal::cli {

// What the user said, by site; what was not said of a site stays as it is.
class SitePolicyOptions {
 public:
  // The object must outlive the parsing. `clearing` adds the option that drops what a site has of
  // its own, for a policy that there is.
  void AddTo(CLI::App& app, bool clearing);

  // Throws CLI::ValidationError when two options contradict each other.
  void Check() const;

  // Puts what was said into `policy`.
  void ApplyTo(v1::KeyPolicy& policy) const;

  // Whether anything was said.
  bool any() const;

 private:
  // A site, and what is said of it.
  template <typename T>
  using Said = std::vector<std::pair<std::string, T>>;

  std::vector<std::string> as_elsewhere_;
  Said<std::string> applications_;
  std::vector<std::string> no_application_;
  Said<v1::Scheme> schemes_;
  std::vector<std::string> any_scheme_;
  Said<std::uint32_t> max_signatures_;
  Said<v1::Isolation> isolation_;
  Said<std::uint32_t> isolation_seconds_;
};

}  // namespace twinseal::cli
