// What a token can do: asked from its mechanism list, then tried once with real keys.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "hsm/pkcs11/key_kinds.h"
#include "hsm/pkcs11/session.h"
#include "hsm/wrapping/wrap_mechanism.h"

namespace twinseal::hsm {

// One thing that the token can or cannot do.
struct Capability {
  std::string
      name;  // "ec-p256 in the vault", "ed25519 on the token", "AES_KEY_WRAP_PAD for private keys"
  bool available = false;
  std::string reason;  // Why not, with the CKR name; empty when available.
};

// Immutable once probed; safe to share between threads.
class Capabilities {
 public:
  // Tries everything in session objects that are gone afterwards: takes about as long as one
  // RSA-2048 key takes to make. RSA 3072 and 4096 are taken from the mechanism's key sizes and from
  // what RSA 2048 could do. An error only when the session itself fails; what the token cannot do
  // is an answer.
  static Result<Capabilities> Probe(Session& session);

  // Whether a key of this kind can be made, wrapped, unwrapped and used. Otherwise unimplemented,
  // naming the kind, the reason and the way out: "ed25519 in the vault: this HSM cannot wrap
  // Ed25519 keys (CKR_...): use --storage token".
  Status CheckVault(KeyKind kind) const;
  // Whether a key of this kind can be made on the token and used there.
  Status CheckToken(KeyKind kind) const;

  // What to wrap with. unimplemented when there is no way.
  Result<WrapMechanism> ForPrivateKeys(KeyKind kind) const;
  Result<WrapMechanism> ForSecretKeys() const;

  // Whether this mechanism was seen to wrap and unwrap secret keys, or private keys of this kind.
  bool Wraps(WrapMechanism mechanism) const;
  bool Wraps(WrapMechanism mechanism, KeyKind kind) const;

  // The template under which a wrapped private key comes back, with what this token wants besides
  // the standard (NSS softokn: CKA_ID and CKA_NSS_DB). `public_value` is borrowed: the point or the
  // modulus, as ReadPublicValue gives it.
  Template UnwrapTemplate(KeyKind kind, BytesView public_value) const;

  // Every finding, in a stable order.
  const std::vector<Capability>& findings() const { return findings_; }

 private:
  friend class CapabilityProber;

  struct Kind {
    std::string token_reason;  // Why not; empty when it can.
    std::string vault_reason;
    std::string origin;
    std::optional<WrapMechanism> wrap;
    std::vector<WrapMechanism> wraps;
  };

  std::array<Kind, kKeyKinds> kinds_;  // By KeyKind.
  std::vector<WrapMechanism> secret_wraps_;
  std::string secret_origin_;
  bool wants_nss_attributes_ = false;
  std::vector<Capability> findings_;
};

}  // namespace twinseal::hsm
