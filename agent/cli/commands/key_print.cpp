#include "agent/cli/commands/key_print.h"

#include <fmt/format.h>

#include "agent/cli/json.h"
#include "agent/cli/table.h"
#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "common/base/bytes.h"
#include "common/crypto/digest.h"
#include "common/policy/in_force.h"

namespace twinseal::cli {
namespace {

// What the contract says of fields that are not set (keys.proto).
constexpr std::uint32_t kDefaultMinDestructionWaitSeconds = 7 * 86'400;

template <typename List>
std::string Joined(const List& list, const std::string& none) {
  std::string joined;
  for (const auto& each : list) joined += (joined.empty() ? "" : ", ") + each;
  return joined.empty() ? none : joined;
}

std::string SchemesText(const google::protobuf::RepeatedField<int>& schemes) {
  std::vector<std::string> words;
  for (const int scheme : schemes) words.push_back(Word(static_cast<v1::Scheme>(scheme)));
  return Joined(words, "each that fits");
}

std::string IsolationText(const policy::InForce& there) {
  return there.isolation_time.count() == 0 ? "stop"
                                           : "continue for " + FormatDuration(there.isolation_time);
}

// What the site has of its own.
void AddSitePolicy(Fields& fields, const v1::KeyPolicy& policy, const v1::SitePolicy& own) {
  const policy::InForce there = policy::InForceAt(policy, own.site());
  const auto add = [&](const std::string& what, const std::string& value) {
    fields.Add(what + " at " + Printable(own.site()), value);
  };
  if (own.has_applications()) add("Applications", Joined(there.applications, "none"));
  if (own.has_schemes()) add("Schemes", SchemesText(there.schemes));
  if (own.max_signatures_per_activation() != 0) {
    add("Signatures per activation", fmt::format("{}", there.signatures_per_activation));
  }
  if (own.isolation() != v1::ISOLATION_UNSPECIFIED) add("When isolated", IsolationText(there));
}

void AddPolicy(Fields& fields, const v1::KeyPolicy& policy) {
  const policy::InForce elsewhere = policy::InForceElsewhere(policy);
  const std::uint32_t wait = policy.has_min_destruction_wait_seconds()
                                 ? policy.min_destruction_wait_seconds()
                                 : kDefaultMinDestructionWaitSeconds;
  fields.Add("Applications", Joined(elsewhere.applications, "none"));
  fields.Add("Schemes", SchemesText(elsewhere.schemes));
  fields.Add("Sites", Joined(policy.sites(), "all"));
  fields.Add("Signatures per activation", fmt::format("{}", elsewhere.signatures_per_activation));
  fields.Add("When isolated", IsolationText(elsewhere));
  fields.Add("Least wait before destruction", FormatDuration(std::chrono::seconds(wait)));
  for (const v1::SitePolicy& own : policy.at_sites()) AddSitePolicy(fields, policy, own);
}

std::string Versions(const v1::Key& key) {
  if (key.current_version() == 1) return "1";
  if (key.current_version() == 2) return "2 (1 only verifies)";
  return fmt::format("{} (1 to {} only verify)", key.current_version(), key.current_version() - 1);
}

}  // namespace

void PrintKey(std::ostream& out, const v1::Key& key, OutputForm form) {
  if (form == OutputForm::kJson) {
    JsonWriter(out).Message(key).Finish();
    return;
  }
  Fields fields;
  fields.Add("Name", key.name());
  fields.Add("Id", key.key_id());
  fields.Add("Algorithm", Word(key.algorithm()));
  fields.Add("Storage", Word(key.storage()));
  fields.Add("State", Word(key.state()));
  if (key.state() == v1::PENDING_DESTRUCTION)
    fields.Add("Destruction due", FormatUnixMs(key.destruction_unix_ms()));
  if (key.state() == v1::DESTROYED)
    fields.Add("Destroyed", FormatUnixMs(key.destruction_unix_ms()));
  fields.Add("Version", Versions(key));
  fields.Add("Created", FormatUnixMs(key.created_unix_ms()));
  fields.Add("Revision", fmt::format("{}", key.revision()));
  AddPolicy(fields, key.policy());
  fields.Print(out);

  if (key.versions().empty()) return;
  out << '\n';
  Table table({"VERSION", "CREATED", "PUBLIC KEY (SHA-256)"});
  for (const v1::KeyVersionInfo& version : key.versions()) {
    table.Add({fmt::format("{}", version.version()), FormatUnixMs(version.created_unix_ms()),
               HexEncode(crypto::Sha256(AsBytes(version.public_key_der())))});
  }
  table.Print(out);
}

void PrintKeys(std::ostream& out, const std::vector<v1::Key>& keys, OutputForm form) {
  if (form == OutputForm::kJson) {
    JsonWriter json(out);
    json.BeginObject().Key("keys").BeginArray();
    for (const v1::Key& key : keys) json.Message(key);
    json.EndArray().EndObject().Finish();
    return;
  }
  Table table({"NAME", "ALGORITHM", "STORAGE", "STATE", "VERSION", "CREATED"});
  for (const v1::Key& key : keys) {
    table.Add({key.name(), Word(key.algorithm()), Word(key.storage()), Word(key.state()),
               fmt::format("{}", key.current_version()), FormatUnixMs(key.created_unix_ms())});
  }
  table.Print(out);
}

void PrintPolicy(std::ostream& out, const v1::KeyPolicy& policy, OutputForm form) {
  if (form == OutputForm::kJson) {
    JsonWriter(out).Message(policy).Finish();
    return;
  }
  Fields fields;
  AddPolicy(fields, policy);
  fields.Print(out);
}

void PrintChangedPolicy(std::ostream& out, const v1::Key& key, OutputForm form) {
  if (form != OutputForm::kJson) return PrintPolicy(out, key.policy(), form);
  JsonWriter json(out);
  json.BeginObject().FieldsOf(key.policy()).Key("uninformedSites").BeginArray();
  for (const v1::UninformedSite& site : key.uninformed_sites()) json.Message(site);
  json.EndArray().EndObject().Finish();
}

void WarnOfUninformed(std::ostream& err, const v1::Key& key) {
  for (const v1::UninformedSite& site : key.uninformed_sites()) {
    err << fmt::format(
        "twinseal: warning: site {} could not be told and may sign with key {} under the old rule "
        "until {}; `twinseal status` shows whether it can be reached\n",
        Printable(site.site()), Printable(key.name()), FormatUnixMs(site.may_sign_until_unix_ms()));
  }
}

}  // namespace twinseal::cli
