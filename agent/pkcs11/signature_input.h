// From what an application gives to be signed or verified, to the scheme and digest of an
// appliance.
#pragma once

#include <optional>
#include <variant>

#include "agent/pkcs11/cryptoki.h"
#include "agent/pkcs11/mechanisms.h"
#include "agent/pkcs11/outcome.h"
#include "common/base/bytes.h"
#include "common/crypto/digest.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::pkcs11 {

// What an appliance signs: of the scheme's length, or a message for Ed25519.
struct Prepared {
  v1::Scheme scheme;
  Bytes digest;
};

// One thread at a time.
class SignatureInput {
 public:
  // CKR_MECHANISM_INVALID, CKR_KEY_TYPE_INCONSISTENT or CKR_MECHANISM_PARAM_INVALID.
  static Outcome<SignatureInput> Begin(const CK_MECHANISM& wanted, v1::Algorithm algorithm);

  // CKR_DATA_LEN_RANGE when it is more than the mechanism takes.
  Done Update(BytesView data);
  // CKR_DATA_LEN_RANGE or CKR_DATA_INVALID when it is not what the mechanism takes.
  Outcome<Prepared> Finish();

 private:
  SignatureInput(const Mechanism& mechanism, v1::Algorithm algorithm, std::string_view pss_hash,
                 std::optional<crypto::Hasher> hasher)
      : mechanism_(&mechanism),
        algorithm_(crypto::Find(algorithm)),
        pss_hash_(pss_hash),
        hasher_(std::move(hasher)) {}

  Outcome<Prepared> FinishEcdsa(Bytes digest) const;
  Outcome<Prepared> FinishDigestInfo() const;
  Outcome<Prepared> FinishRsa(std::string_view hash, Bytes digest) const;

  const Mechanism* mechanism_;
  const crypto::AlgorithmInfo* algorithm_;
  std::string_view pss_hash_;  // That the parameters of CKM_RSA_PKCS_PSS name.
  std::optional<crypto::Hasher> hasher_;
  Bytes data_;  // Where the module does not hash.
};

}  // namespace twinseal::pkcs11
