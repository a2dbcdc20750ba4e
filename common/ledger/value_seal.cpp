#include "common/ledger/value_seal.h"

#include <fmt/format.h>

namespace twinseal::ledger {

Result<Bytes> ValueSeal::Seal(std::string_view key, BytesView value) const {
  return aead_.Seal(value, AsBytes(key));
}

Result<Bytes> ValueSeal::Open(std::string_view key, std::string_view sealed) const {
  Result<Bytes> value = aead_.Open(AsBytes(sealed), AsBytes(key));
  if (value.ok()) return value;
  return value.error().Within(fmt::format("the ledger's {} is not believed", key));
}

}  // namespace twinseal::ledger
