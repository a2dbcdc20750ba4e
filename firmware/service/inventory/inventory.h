// The inventory of certificates: which there are for each key. They pass through the ledger's
// journal into every site's archive; docs/certificates.md tells what users see of them.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "common/base/types.h"
#include "common/ledger/ledger.h"
#include "firmware/journal/journal.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/keys/request_log.h"
#include "twinseal/v1/certificates.pb.h"
#include "twinseal/v1/store.pb.h"

namespace twinseal::service {

// A listing of a key's certificates is one answer. Imports at the same moment may make it a few
// more.
inline constexpr std::size_t kMaxCertificatesOfKey = 50;

// Thread-safe; every call blocks. What it refers to outlives it.
class Inventory {
 public:
  Inventory(ledger::Ledger& ledger, journal::Journal& journal, Barrier& barrier, KeyStore& keys,
            WallClock clock)
      : ledger_(ledger),
        journal_(journal),
        barrier_(barrier),
        keys_(keys),
        clock_(std::move(clock)) {}

  // The same certificate once more comes first again, with the issuers that come along or, when
  // none do, those it has. invalid_argument as ReadKeyCertificate(); failed_precondition for a
  // destroyed key, or one that has kMaxCertificatesOfKey others; resource_exhausted when the
  // journal is nearly full; unavailable at a site that is isolated.
  Result<v1::Certificate> Import(const Mutation& mutation, const KeyStore::MayChange& key,
                                 const v1::ImportCertificateRequest& request);
  // What was removed, without its DER. not_found when the key has no such certificate.
  Result<v1::Certificate> Remove(const Mutation& mutation, const KeyStore::MayChange& key,
                                 std::string_view certificate_id);

  // Of the key with this id and name, the newest import first: as Journal::FindUnder().
  Result<std::vector<v1::Certificate>> Of(std::string_view key_id, const std::string& name,
                                          journal::Journal::From from);
  // The ids of keys that have or had certificates, in byte order, at most `limit` of those behind
  // `key_id` ("": from the first on); as Journal::GroupsUnder().
  Result<std::vector<std::string>> KeysBehind(std::string_view key_id, std::size_t limit);

 private:
  using Propose = std::function<Result<v1::InventoryEntry>(const v1::Key& key)>;
  // Gives the answer that the request was given before, or makes the change.
  Result<v1::Certificate> MakeOnce(const Mutation& mutation, const KeyStore::MayChange& key,
                                   const Propose& propose);
  Result<std::optional<v1::InventoryEntry>> Try(const Mutation& mutation, const std::string& name,
                                                const v1::Key& key, const Propose& propose);
  // What the request has done already; nothing when it was not done.
  Result<std::optional<v1::InventoryEntry>> Given(const Mutation& mutation,
                                                  const std::string& name);

  ledger::Ledger& ledger_;
  journal::Journal& journal_;
  Barrier& barrier_;
  KeyStore& keys_;
  const WallClock clock_;
};

}  // namespace twinseal::service
