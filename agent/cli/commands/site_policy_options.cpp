#include "agent/cli/commands/site_policy_options.h"

#include <algorithm>
#include <charconv>
#include <set>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"
#include "agent/cli/words.h"
#include "common/crypto/algorithms.h"

namespace twinseal::cli {
namespace {

// From 1; the appliance says what is too large for it.
Result<std::uint32_t> ParseCount(std::string_view text) {
  std::uint32_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count == 0) {
    return Error(Code::kInvalidArgument, fmt::format("'{}' is no number from 1 on", text));
  }
  return count;
}

// A repeatable option whose values are SITE=VALUE.
template <typename T, typename Parse>
void AddSaid(CLI::App& app, const std::string& name, std::vector<std::pair<std::string, T>>& said,
             Parse parse, const std::string& type, const std::string& description) {
  const auto parse_said = [parse,
                           type](const std::string& text) -> Result<std::pair<std::string, T>> {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) {
      return Error(Code::kInvalidArgument, fmt::format("'{}' is not {}", text, type));
    }
    TWINSEAL_ASSIGN_OR_RETURN(std::string site, ParseSite(text.substr(0, equals)));
    TWINSEAL_ASSIGN_OR_RETURN(T value, parse(text.substr(equals + 1)));
    return std::pair<std::string, T>(std::move(site), std::move(value));
  };
  AddParsedList(app, name, said, parse_said, description)->type_name(type);
}

void AddSites(CLI::App& app, const std::string& name, std::vector<std::string>& sites,
              const std::string& description) {
  AddParsedList(app, name, sites, ParseSite, description)->type_name("SITE");
}

template <typename T>
std::set<std::string> SitesOf(const std::vector<std::pair<std::string, T>>& said,
                              const std::vector<std::string>& cleared = {}) {
  std::set<std::string> sites(cleared.begin(), cleared.end());
  for (const auto& [site, value] : said) sites.insert(site);
  return sites;
}

template <typename T>
void CheckOnce(const std::string& name, const std::vector<std::pair<std::string, T>>& said) {
  std::set<std::string> sites;
  for (const auto& [site, value] : said) {
    if (!sites.insert(site).second) {
      throw CLI::ValidationError(name,
                                 fmt::format("there is more than one value for site {}", site));
    }
  }
}

template <typename T>
void CheckApart(const std::string& name, const std::vector<std::string>& cleared,
                const std::string& other, const std::vector<std::pair<std::string, T>>& said) {
  const std::set<std::string> sites = SitesOf(said);
  for (const std::string& site : cleared) {
    if (sites.contains(site)) {
      throw CLI::ValidationError(name,
                                 fmt::format("excludes {} for the same site, {}", other, site));
    }
  }
}

// The site's entry, added when there is none.
v1::SitePolicy& EntryOf(v1::KeyPolicy& policy, const std::string& site) {
  for (v1::SitePolicy& own : *policy.mutable_at_sites()) {
    if (own.site() == site) return own;
  }
  v1::SitePolicy& own = *policy.add_at_sites();
  own.set_site(site);
  return own;
}

void Drop(v1::KeyPolicy& policy, const std::string& site) {
  auto& entries = *policy.mutable_at_sites();
  const auto gone = std::remove_if(entries.begin(), entries.end(),
                                   [&](const v1::SitePolicy& own) { return own.site() == site; });
  entries.erase(gone, entries.end());
}

}  // namespace

void SitePolicyOptions::AddTo(CLI::App& app, bool clearing) {
  AddSaid(app, "--application-at", applications_, ParseText, "SITE=NAME",
          "An application that may sign at that site, in place of those elsewhere; repeatable");
  AddSites(app, "--no-application-at", no_application_, "Let no application sign at that site");
  AddSaid(app, "--scheme-at", schemes_, crypto::ParseScheme, "SITE=SCHEME",
          "A scheme for that site, in place of those elsewhere; repeatable");
  AddSites(app, "--any-scheme-at", any_scheme_, "Allow each scheme that fits at that site");
  AddSaid(app, "--max-signatures-per-activation-at", max_signatures_, ParseCount, "SITE=N",
          "How many waiting requests may share one activation at that site");
  AddSaid(app, "--isolation-at", isolation_, ParseIsolation, "SITE=RULE",
          "What that site does with the key when it is cut off: stop or continue");
  AddSaid(app, "--isolation-seconds-at", isolation_seconds_, ParseCount, "SITE=N",
          "For how many seconds that site goes on then; with --isolation-at SITE=continue");
  if (clearing) {
    AddSites(app, "--as-elsewhere", as_elsewhere_,
             "Let nothing differ at that site but what is named here");
  }
}

void SitePolicyOptions::Check() const {
  CheckApart("--no-application-at", no_application_, "--application-at", applications_);
  CheckApart("--any-scheme-at", any_scheme_, "--scheme-at", schemes_);
  CheckOnce("--max-signatures-per-activation-at", max_signatures_);
  CheckOnce("--isolation-at", isolation_);
  CheckOnce("--isolation-seconds-at", isolation_seconds_);
}

void SitePolicyOptions::ApplyTo(v1::KeyPolicy& policy) const {
  for (const std::string& site : as_elsewhere_) Drop(policy, site);
  // Lists are replaced, not added to.
  for (const std::string& site : SitesOf(applications_, no_application_)) {
    EntryOf(policy, site).mutable_applications()->clear_names();
  }
  for (const auto& [site, application] : applications_) {
    EntryOf(policy, site).mutable_applications()->add_names(application);
  }
  for (const std::string& site : SitesOf(schemes_, any_scheme_)) {
    EntryOf(policy, site).mutable_schemes()->clear_schemes();
  }
  for (const auto& [site, scheme] : schemes_) {
    EntryOf(policy, site).mutable_schemes()->add_schemes(scheme);
  }
  for (const auto& [site, most] : max_signatures_) {
    EntryOf(policy, site).set_max_signatures_per_activation(most);
  }
  for (const auto& [site, isolation] : isolation_) {
    v1::SitePolicy& own = EntryOf(policy, site);
    own.set_isolation(isolation);
    if (isolation == v1::STOP) own.clear_isolation_seconds();
  }
  for (const auto& [site, seconds] : isolation_seconds_) {
    EntryOf(policy, site).set_isolation_seconds(seconds);
  }
}

bool SitePolicyOptions::any() const {
  return !as_elsewhere_.empty() || !applications_.empty() || !no_application_.empty() ||
         !schemes_.empty() || !any_scheme_.empty() || !max_signatures_.empty() ||
         !isolation_.empty() || !isolation_seconds_.empty();
}

}  // namespace twinseal::cli
