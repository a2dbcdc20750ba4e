// What somebody brings to be a key's certificate: whether it is, and what goes with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "common/base/result.h"
#include "common/crypto/x509.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

inline constexpr int kMaxCertificates = 10;
// Of all their DER; what goes through the journal at once may have 64 KiB.
inline constexpr std::size_t kMaxCertificatesBytes = std::size_t{60} * 1024;

struct KeyCertificate {
  crypto::Certificate certificate;
  std::uint32_t key_version;                 // Whose public key it certifies.
  std::vector<crypto::Certificate> issuers;  // Its issuer, that one's issuer, and so on.
};

// `key` with its versions. invalid_argument, naming certificates_der, unless exactly one of the
// certificates is for a version of the key, and each of the others issued the one before it: by its
// name, its right to issue (RFC 5280 §4.2.1.3, §4.2.1.9) and the signature. Their times are not
// looked at.
Result<KeyCertificate> ReadKeyCertificate(
    const v1::Key& key, const google::protobuf::RepeatedPtrField<std::string>& certificates_der);

}  // namespace twinseal::service
