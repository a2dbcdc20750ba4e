// The binary record in which a wrapped key travels and rests: docs/blob-format.md, version 1.
//
// Decoding judges form only. Whether a record is what it says to be is for its binding, which the
// HSM verifies.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "hsm/wrapping/wrap_mechanism.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::core {

inline constexpr std::uint8_t kBlobFormatVersion = 1;
inline constexpr std::size_t kBindingSize = 32;  // HMAC-SHA-256.

// The most that each field may have, in bytes; what is longer is no record of ours.
inline constexpr std::size_t kMaxPublicKey = 1024;   // RSA-4096 takes 550.
inline constexpr std::size_t kMaxPolicy = 262'144;   // 1,000 long application names: 67,000.
inline constexpr std::size_t kMaxWrappedKek = 64;    // An AES-256 key takes 40 or 64.
inline constexpr std::size_t kMaxWrappedKey = 8192;  // RSA-4096 in PKCS #8 takes 2,400.

enum class BlobKind : std::uint8_t {
  kReplica = 1,  // The key wrapped under the domain KEK. Lives in the ledger.
  kVault = 2,  // Wrapped under a fresh KEK, which is wrapped under the site KEK. Lives in a vault.
  kTokenReference = 3,  // No wrapped bytes: the key is a token object. In ledger and vault alike.
};

// What a record says of its key, and what its binding covers besides the wrapped bytes.
struct KeyHeader {
  KeyId id;
  KeyVersion version{1};
  KeyRevision revision{1};
  v1::Algorithm algorithm = v1::ALGORITHM_UNSPECIFIED;
  v1::Storage storage = v1::VAULT;
  v1::KeyState state = v1::ENABLED;
  v1::KeyPolicy policy;
  Bytes public_key;  // SubjectPublicKeyInfo in DER. Empty before the key is made.
};

// The contract's header as ours and back. invalid_argument that names the field: an id of the wrong
// size, version or revision 0, an unknown algorithm, storage or state, a policy over kMaxPolicy.
// STORAGE_UNSPECIFIED is VAULT.
Result<KeyHeader> HeaderFromProto(const v1::KeyHeader& header);
v1::KeyHeader HeaderToProto(const KeyHeader& header);

// "4f2a... version 3", as messages name a key version.
std::string Describe(const KeyId& id, KeyVersion version);

struct Blob {
  BlobKind kind = BlobKind::kReplica;
  hsm::WrapMechanism key_wrap = hsm::WrapMechanism::kNone;  // Of the private key.
  hsm::WrapMechanism kek_wrap = hsm::WrapMechanism::kNone;  // Of the KEK; only in a vault blob.
  KeyHeader header;
  Generation generation{0};  // 0 unless a vault blob.
  Bytes wrapped_kek;
  Bytes wrapped_key;
  std::array<std::uint8_t, kBindingSize> binding{};
};

// data_loss that says what is wrong, for anything that EncodeBlob would not have made: decoding and
// encoding again gives the same bytes.
Result<Blob> DecodeBlob(BytesView bytes);

// What the binding is made over: everything before it.
Bytes EncodeBound(const Blob& blob);
Bytes EncodeBlob(const Blob& blob);

// The same two parts of encoded bytes that DecodeBlob has accepted; no copies.
BytesView BoundPart(BytesView blob);
BytesView BindingPart(BytesView blob);

// The policy as it stands in a record: protobuf's deterministic form, without unknown fields.
Bytes EncodePolicy(const v1::KeyPolicy& policy);

}  // namespace twinseal::core
