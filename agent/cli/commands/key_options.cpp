#include "agent/cli/commands/key_options.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "agent/cli/commands/options.h"
#include "agent/cli/words.h"
#include "common/crypto/algorithms.h"

namespace twinseal::cli {

void PolicyOptions::AddTo(CLI::App& app, bool clearing) {
  // What is not named stays as it is where a policy is changed.
  const auto with_default = [clearing](std::string_view help, std::string_view value) {
    return clearing ? std::string(help) : fmt::format("{} (default {})", help, value);
  };
  CLI::Option* const applications =
      AddParsedList(app, "--application", applications_, ParseText,
                    "An application that may sign with the key; repeatable")
          ->type_name("NAME");
  CLI::Option* const schemes =
      AddParsedList(
          app, "--scheme", schemes_, crypto::ParseScheme,
          with_default("A scheme that the key may sign with; repeatable", "each that fits"))
          ->type_name(SchemeWords());
  CLI::Option* const sites =
      AddParsedList(app, "--site", sites_, ParseText,
                    with_default("A site that may hold the key; repeatable", "all"))
          ->type_name("NAME");
  if (clearing) {
    app.add_flag("--no-application", no_application_, "Let no application sign with the key")
        ->excludes(applications);
    app.add_flag("--any-scheme", any_scheme_, "Allow each scheme that fits the key")
        ->excludes(schemes);
    app.add_flag("--any-site", any_site_, "Let every site hold the key")->excludes(sites);
  }
  app.add_option("--max-signatures-per-activation", max_signatures_,
                 with_default("How many waiting requests may share one activation", "1"))
      ->type_name("N")
      ->check(CLI::Range(1U, 1024U));
  AddParsed(app, "--isolation", isolation_, ParseIsolation,
            with_default("What a site does with the key when it is cut off", "continue"))
      ->type_name("stop|continue");
  app.add_option("--isolation-seconds", isolation_seconds_,
                 with_default("For how many seconds it goes on then", "86400"))
      ->type_name("N")
      ->check(CLI::Range(1U, 4'294'967'295U));
  AddDuration(app, "--min-destruction-wait", min_wait_,
              with_default("Least time between `key destroy` and destruction, as 7d or 12h", "7d"));
  at_sites_.AddTo(app, clearing);
}

void PolicyOptions::ApplyTo(v1::KeyPolicy& policy) const {
  if (!applications_.empty() || no_application_) {
    policy.mutable_applications()->Assign(applications_.begin(), applications_.end());
  }
  if (!schemes_.empty() || any_scheme_)
    policy.mutable_schemes()->Assign(schemes_.begin(), schemes_.end());
  if (!sites_.empty() || any_site_) policy.mutable_sites()->Assign(sites_.begin(), sites_.end());
  if (max_signatures_ != 0) policy.set_max_signatures_per_activation(max_signatures_);
  if (isolation_ != v1::ISOLATION_UNSPECIFIED) policy.set_isolation(isolation_);
  if (isolation_seconds_ != 0) policy.set_isolation_seconds(isolation_seconds_);
  // ParseDuration's limit of 100 years fits into 32 bits.
  if (min_wait_.count() >= 0)
    policy.set_min_destruction_wait_seconds(static_cast<std::uint32_t>(min_wait_.count()));
  at_sites_.ApplyTo(policy);
}

bool PolicyOptions::any() const {
  return !applications_.empty() || !schemes_.empty() || !sites_.empty() || no_application_ ||
         any_scheme_ || any_site_ || max_signatures_ != 0 ||
         isolation_ != v1::ISOLATION_UNSPECIFIED || isolation_seconds_ != 0 ||
         min_wait_.count() >= 0 || at_sites_.any();
}

}  // namespace twinseal::cli
