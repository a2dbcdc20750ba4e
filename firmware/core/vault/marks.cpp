#include "firmware/core/vault/marks.h"

#include <algorithm>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/base/big_endian.h"
#include "common/base/bytes.h"

namespace twinseal::core {

MarksSeal::Mac MarksSeal::Of(const KeyId& id, const Marks& marks) const {
  Bytes message(id.bytes().begin(), id.bytes().end());
  AppendBigEndian(message, std::uint64_t{Number(marks.version)});
  AppendBigEndian(message, std::uint64_t{Number(marks.revision)});
  AppendBigEndian(message, std::uint64_t{Number(marks.generation)});
  message.push_back(marks.destroyed ? 1 : 0);
  const BytesView key = key_.Reveal(SecretAccess());
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> whole{};
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), message.data(), message.size(),
           whole.data(), &size) == nullptr) {
    throw std::runtime_error("HMAC-SHA-256 failed");
  }
  Mac mac{};
  std::ranges::copy_n(whole.begin(), kSize, mac.begin());
  return mac;
}

}  // namespace twinseal::core
