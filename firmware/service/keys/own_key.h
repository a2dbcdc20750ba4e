// One of the appliance's own keys ("twinseal.operator-ca", "twinseal.audit.<site>"), as something
// that signs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/crypto/public_key.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/keys/key_store.h"

namespace twinseal::service {

inline constexpr std::string_view kOperatorCaKey = "twinseal.operator-ca";
// Followed by the site's name.
inline constexpr std::string_view kAuditKeyPrefix = "twinseal.audit.";

// Thread-safe; every call blocks.
class OwnKey {
 public:
  OwnKey(KeyDirectory& directory, KeyStore& store, Core& core, std::string name);

  struct Signature {
    std::string key_id;
    std::uint32_t version = 0;
    Bytes signature;  // ECDSA with SHA-256, DER.
  };
  // failed_precondition when there is no such key: the appliance is not set up.
  Result<Signature> SignDigest(BytesView sha256, Deadline deadline);
  // Of the current version.
  Result<crypto::PublicKey> Public();

 private:
  Result<KeyDirectory::View> Find() const;

  KeyDirectory& directory_;
  KeyStore& store_;
  Core& core_;
  const std::string name_;
};

}  // namespace twinseal::service
