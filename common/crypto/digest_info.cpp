#include "common/crypto/digest_info.h"

namespace twinseal::crypto {

Bytes DigestInfoPrefix(const SchemeInfo& scheme) {
  const auto size = static_cast<std::uint8_t>(scheme.digest_size);
  if (scheme.hash == "SHA1") {
    return {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e,
            0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, size};
  }
  // The last arc of the hash's object identifier, under 2.16.840.1.101.3.4.2.
  const std::uint8_t arc = scheme.hash == "SHA256" ? 1 : scheme.hash == "SHA384" ? 2 : 3;
  const auto rest = static_cast<std::uint8_t>(size + 17);
  return {0x30, rest, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
          0x65, 0x03, 0x04, 0x02, arc,  0x05, 0x00, 0x04, size};
}

Bytes DigestInfo(const SchemeInfo& scheme, BytesView digest) {
  Bytes info = DigestInfoPrefix(scheme);
  info.insert(info.end(), digest.begin(), digest.end());
  return info;
}

}  // namespace twinseal::crypto
