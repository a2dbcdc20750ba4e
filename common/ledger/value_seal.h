// Values as the witness may see them: sealed under a key that only the appliances hold.
#pragma once

#include <string_view>

#include "common/crypto/aead.h"

namespace twinseal::ledger {

// Each value is bound to the name of its key, so that the witness cannot put one in another's
// place. Thread-safe.
class ValueSeal {
 public:
  explicit ValueSeal(crypto::Aead aead) : aead_(std::move(aead)) {}

  Result<Bytes> Seal(std::string_view key, BytesView value) const;
  // data_loss, naming the key, for what no appliance of this domain has sealed for it.
  Result<Bytes> Open(std::string_view key, std::string_view sealed) const;

 private:
  crypto::Aead aead_;
};

}  // namespace twinseal::ledger
