// The appliance's procedures that the module calls, with protobuf-c in place of protobuf: an
// application may bring another release of protobuf's library, and two do not live in one process.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/client/caller.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::pkcs11 {

// What the module wants to know of a key.
struct KeyFacts {
  KeyId id;
  std::string name;
  v1::Algorithm algorithm;
  v1::KeyState state;
  std::uint32_t current_version;
  std::uint32_t signatures_per_activation;
  std::vector<Bytes> public_keys;  // SubjectPublicKeyInfo of version 1, 2, ...; not in a listing.
};

struct KeyPage {
  std::vector<KeyFacts> keys;
  std::string next;  // Empty on the last page.
};

// A certificate of the inventory.
struct CertificateFacts {
  KeyId key;
  std::string key_name;
  std::uint32_t version;  // Of the key.
  std::string id;         // The inventory's.
  Bytes der;
  std::vector<Bytes> issuers;  // In DER: its issuer's, that one's issuer's, and so on.
};

struct CertificatePage {
  std::vector<CertificateFacts> certificates;
  std::string next;  // Empty on the last page.
};

// Thread-safe. Errors are the appliance's, or those of the way to it (client::Caller).
class Contract {
 public:
  Contract(client::Caller& caller, std::chrono::milliseconds timeout)
      : caller_(caller), timeout_(timeout) {}

  // By name or by id in hexadecimal.
  Result<KeyFacts> GetKey(std::string_view key) const;
  Result<KeyPage> ListKeys(const std::string& page_token) const;
  Result<KeyFacts> CreateKey(const std::string& name, v1::Algorithm algorithm) const;
  // After the waiting period that the appliance takes when none is said.
  Status DestroyKey(const KeyId& id) const;

  // Of one key, by name or by id in hexadecimal, or with "" of all that the client may see.
  Result<CertificatePage> ListCertificates(const std::string& key,
                                           const std::string& page_token) const;
  Result<CertificateFacts> ImportCertificate(const std::string& key, const Bytes& der) const;
  Status RemoveCertificate(const KeyId& key, const std::string& id) const;

  struct Signing {
    KeyId key;
    std::uint32_t version;
    v1::Scheme scheme;

    friend auto operator<=>(const Signing&, const Signing&) = default;
  };
  // Within `time`. ECDSA signatures are DER.
  Result<Bytes> Sign(const Signing& signing, const Bytes& digest,
                     std::chrono::milliseconds time) const;
  // In the order of the digests, of which there are 1 to kMaxBatch; in one activation of the key.
  static constexpr std::size_t kMaxBatch = 1024;
  Result<std::vector<Bytes>> SignBatch(const Signing& signing, const std::vector<Bytes>& digests,
                                       std::chrono::milliseconds time) const;

  // At most kMaxRandom bytes.
  static constexpr std::size_t kMaxRandom = 1024;
  Result<Bytes> Random(std::size_t size) const;

 private:
  client::Caller& caller_;
  const std::chrono::milliseconds timeout_;
};

}  // namespace twinseal::pkcs11
