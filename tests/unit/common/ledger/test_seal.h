// A seal for tests of the etcd ledger.
#pragma once

#include "common/ledger/value_seal.h"

namespace twinseal::ledger {

inline ValueSeal TestSeal(std::uint8_t byte = 1) {
  return ValueSeal(*crypto::Aead::Create(Secret(Bytes(crypto::Aead::kKeySize, byte))));
}

}  // namespace twinseal::ledger
