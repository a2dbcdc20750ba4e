#include "firmware/service/inventory/inventory.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "firmware/service/inventory/key_certificate.h"

namespace twinseal::service {
namespace {

// A guard fails when someone else was quicker; more often than this in a row is a fault.
constexpr int kMaxAttempts = 8;
// This site hears of its own commits within milliseconds. A listing that is behind is no fault.
constexpr std::chrono::seconds kHearing{2};

using From = journal::Journal::From;

constexpr std::string_view kPrefix = "inventory/";

std::string PrefixOf(std::string_view key_id) { return fmt::format("{}{}/", kPrefix, key_id); }

Result<v1::InventoryEntry> Parse(const journal::Entry& recorded) {
  v1::InventoryEntry entry;
  const bool read =
      entry.ParseFromArray(recorded.content.data(), static_cast<int>(recorded.content.size())) &&
      entry.change_case() != v1::InventoryEntry::CHANGE_NOT_SET;
  if (read) return entry;
  return Error(Code::kDataLoss, fmt::format("the journal's entry {} is damaged, or a later "
                                            "release of Twinseal wrote it",
                                            recorded.name));
}

v1::Certificate AnswerOf(const v1::InventoryEntry& entry, const std::string& key_name) {
  v1::Certificate answer = entry.has_imported() ? entry.imported() : entry.removed();
  answer.set_key_name(key_name);
  return answer;
}

v1::Certificate Describe(const v1::Key& key, const KeyCertificate& read, std::int64_t now) {
  v1::Certificate certificate;
  certificate.set_certificate_id(read.certificate.Fingerprint());
  certificate.set_key_id(key.key_id());
  certificate.set_key_version(read.key_version);
  certificate.set_certificate_der(ToString(read.certificate.der()));
  for (const crypto::Certificate& issuer : read.issuers) {
    certificate.add_issuers_der(ToString(issuer.der()));
  }
  certificate.set_imported_unix_ms(now);
  return certificate;
}

Status CheckRoom(const v1::Key& key, std::size_t certificates) {
  if (certificates < kMaxCertificatesOfKey) return Ok();
  return Error(Code::kFailedPrecondition,
               fmt::format("the key '{}' has {} certificates, the most there can be; remove those "
                           "that have expired",
                           key.name(), certificates));
}

}  // namespace

Result<v1::Certificate> Inventory::Import(const Mutation& mutation, const KeyStore::MayChange& key,
                                          const v1::ImportCertificateRequest& request) {
  return MakeOnce(mutation, key, [&](const v1::Key& whole) -> Result<v1::InventoryEntry> {
    if (whole.state() == v1::DESTROYED) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("the key '{}' is destroyed; it needs no certificate", whole.name()));
    }
    TWINSEAL_ASSIGN_OR_RETURN(const KeyCertificate read,
                              ReadKeyCertificate(whole, request.certificates_der()));
    TWINSEAL_ASSIGN_OR_RETURN(const std::vector<v1::Certificate> all,
                              Of(whole.key_id(), whole.name(), From::kLedger));
    v1::InventoryEntry entry;
    v1::Certificate& imported = *entry.mutable_imported();
    imported = Describe(whole, read, clock_());
    const auto same =
        std::ranges::find(all, imported.certificate_id(), &v1::Certificate::certificate_id);
    if (same == all.end()) TWINSEAL_RETURN_IF_ERROR(CheckRoom(whole, all.size()));
    if (same != all.end() && read.issuers.empty())
      *imported.mutable_issuers_der() = same->issuers_der();
    return entry;
  });
}

Result<v1::Certificate> Inventory::Remove(const Mutation& mutation, const KeyStore::MayChange& key,
                                          std::string_view certificate_id) {
  return MakeOnce(mutation, key, [&](const v1::Key& whole) -> Result<v1::InventoryEntry> {
    // As the ledger has it: what was imported at another site a moment ago is there.
    TWINSEAL_ASSIGN_OR_RETURN(const std::vector<v1::Certificate> all,
                              Of(whole.key_id(), whole.name(), From::kLedger));
    const auto found = std::ranges::find(all, certificate_id, &v1::Certificate::certificate_id);
    if (found == all.end()) {
      return Error(Code::kNotFound,
                   fmt::format("the key '{0}' has no certificate with this id; `twinseal "
                               "certificate list --key {0}` shows those it has",
                               whole.name()));
    }
    v1::InventoryEntry entry;
    v1::Certificate& removed = *entry.mutable_removed();
    removed = *found;
    removed.clear_key_name();
    removed.clear_certificate_der();
    removed.clear_issuers_der();
    return entry;
  });
}

Result<std::vector<v1::Certificate>> Inventory::Of(std::string_view key_id, const std::string& name,
                                                   From from) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<journal::Entry> entries,
                            journal_.FindUnder(PrefixOf(key_id), from));
  std::vector<v1::Certificate> all;
  for (const journal::Entry& recorded : entries) {
    TWINSEAL_ASSIGN_OR_RETURN(const v1::InventoryEntry entry, Parse(recorded));
    v1::Certificate changed = AnswerOf(entry, name);
    std::erase_if(all, [&](const v1::Certificate& one) {
      return one.certificate_id() == changed.certificate_id();
    });
    if (entry.has_imported()) all.insert(all.begin(), std::move(changed));
  }
  return all;
}

Result<std::vector<std::string>> Inventory::KeysBehind(std::string_view key_id, std::size_t limit) {
  return journal_.GroupsUnder(kPrefix, key_id, limit);
}

Result<v1::Certificate> Inventory::MakeOnce(const Mutation& mutation,
                                            const KeyStore::MayChange& key,
                                            const Propose& propose) {
  TWINSEAL_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(key.key_id()));
  const std::string name = PrefixOf(key.key_id()) + mutation.request.text();
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    TWINSEAL_RETURN_IF_ERROR(barrier_.MayChange());
    TWINSEAL_ASSIGN_OR_RETURN(const v1::Key whole, keys_.Read(id));
    TWINSEAL_ASSIGN_OR_RETURN(const auto given, Given(mutation, name));
    if (given) return AnswerOf(*given, whole.name());
    const Result<std::optional<v1::InventoryEntry>> made = Try(mutation, name, whole, propose);
    if (!made.ok()) {
      // What stands in its way may be its own work, done through another site since.
      TWINSEAL_ASSIGN_OR_RETURN(const auto meanwhile, Given(mutation, name));
      if (meanwhile) return AnswerOf(*meanwhile, whole.name());
      return made.error();
    }
    if (*made) return AnswerOf(**made, whole.name());
  }
  return Error(Code::kAborted, "others are changing the same all the time; try again");
}

// Nothing when a guard did not hold.
Result<std::optional<v1::InventoryEntry>> Inventory::Try(const Mutation& mutation,
                                                         const std::string& name,
                                                         const v1::Key& key,
                                                         const Propose& propose) {
  TWINSEAL_ASSIGN_OR_RETURN(v1::InventoryEntry entry, propose(key));
  ledger::Transaction transaction;
  TWINSEAL_RETURN_IF_ERROR(journal_.Append(transaction, name, AsBytes(entry.SerializeAsString())));
  // The entry is the answer, and stays.
  RecordAnswer(transaction, mutation, {}, clock_());
  barrier_.Guard(transaction);
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome,
                            ledger::CommitForCertain(ledger_, transaction));
  if (!outcome.committed) return std::optional<v1::InventoryEntry>();
  journal_.AwaitHeard(outcome.revision,
                      std::min(mutation.deadline, std::chrono::steady_clock::now() + kHearing));
  return std::optional(std::move(entry));
}

Result<std::optional<v1::InventoryEntry>> Inventory::Given(const Mutation& mutation,
                                                           const std::string& name) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<GivenAnswer> given, FindAnswer(ledger_, mutation));
  if (!given) return std::optional<v1::InventoryEntry>();
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<journal::Entry> recorded, journal_.Find(name));
  if (!recorded) {
    return Error(Code::kDataLoss,
                 fmt::format("the ledger says that this request was done, and no archive has {}; "
                             "use a new request_id",
                             name));
  }
  TWINSEAL_ASSIGN_OR_RETURN(v1::InventoryEntry entry, Parse(*recorded));
  return std::optional(std::move(entry));
}

}  // namespace twinseal::service
