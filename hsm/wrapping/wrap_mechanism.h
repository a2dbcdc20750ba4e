// The ways to wrap a key, with numbers that are written into blobs and never change their meaning.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::hsm {

enum class WrapMechanism : std::uint8_t {
  kNone = 0,
  kAesKeyWrapPad = 1,  // CKM_AES_KEY_WRAP_PAD (RFC 5649 in SoftHSM).
  kAesCbcPad = 2,  // CKM_AES_CBC_PAD; the random 16-byte IV stands before the wrapped bytes. Not
                   // authenticated: what holds such bytes must be bound by a MAC that is checked
                   // before they are unwrapped.
  kAesKeyWrapKwp = 3,  // CKM_AES_KEY_WRAP_KWP (PKCS#11 v3.0; RFC 5649).
  kAesKeyWrap = 4,     // CKM_AES_KEY_WRAP (RFC 3394): multiples of 8 bytes only.
};

// In the order in which they are preferred: standard and authenticated first.
inline constexpr std::array kWrapMechanisms = {
    WrapMechanism::kAesKeyWrapKwp, WrapMechanism::kAesKeyWrapPad, WrapMechanism::kAesKeyWrap,
    WrapMechanism::kAesCbcPad};

// data_loss for a number that is not in the table.
Result<WrapMechanism> WrapMechanismFromNumber(std::uint8_t number);
// "AES_KEY_WRAP_PAD"
std::string_view Name(WrapMechanism mechanism);
CK_MECHANISM_TYPE CkMechanism(WrapMechanism mechanism);

// Wraps `key` under `wrapping_key`. The result is what Unwrap takes, with the IV where there is
// one.
Result<Bytes> Wrap(Session& session, WrapMechanism mechanism, Object wrapping_key, Object key);

// The key comes back as `key` says, as an object that is destroyed with its handle. data_loss when
// the token says that the wrapped bytes are not what Wrap made under this key; some tokens say only
// that they failed (SoftHSM: unavailable, CKR_GENERAL_ERROR), so check the bytes' MAC first.
Result<ObjectHandle> Unwrap(Session& session, WrapMechanism mechanism, Object unwrapping_key,
                            BytesView wrapped, Template key);

}  // namespace twinseal::hsm
