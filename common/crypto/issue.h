// Makes certificates whose signature is made elsewhere: by a key in an HSM.
//
//   TWINSEAL_ASSIGN_OR_RETURN(auto draft, UnsignedCertificate::Make(blueprint));
//   ... sign draft.digest() with draft.scheme() ...
//   TWINSEAL_ASSIGN_OR_RETURN(Certificate certificate, draft.Finish(signature));
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/public_key.h"
#include "common/crypto/x509.h"

namespace twinseal::crypto {

// RFC 5280 §4.2.1.3
struct KeyUsage {
  bool digital_signature = false;
  bool certificate_sign = false;
  bool crl_sign = false;
};

// What a certificate is to say.
struct CertificateBlueprint {
  DistinguishedName subject;
  PublicKey subject_key;
  // The CA; nothing for a certificate that signs itself.
  std::optional<Certificate> issuer;
  // Of the issuing key. It must fit that key.
  v1::Scheme scheme;
  UnixTime not_before;
  UnixTime not_after;
  // 1 to 20 bytes, big-endian, positive. Empty: 159 random bits (CA/Browser Forum BR §7.1 wants at
  // least 64).
  Bytes serial;
  bool is_ca = false;
  std::optional<int> path_length;  // Of a CA: how many CAs may follow.
  KeyUsage usage;
  bool tls_server = false;  // Extended key usages (RFC 5280 §4.2.1.12).
  bool tls_client = false;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;  // "192.0.2.1", "2001:db8::1"
};

class UnsignedCertificate {
 public:
  // With subject and authority key identifiers (§4.2.1.1, §4.2.1.2; SHA-256 cut to 20 bytes, RFC
  // 7093 §2). invalid_argument that names what cannot be encoded.
  static Result<UnsignedCertificate> Make(const CertificateBlueprint& blueprint);

  v1::Scheme scheme() const { return scheme_; }
  // The DER of the TBSCertificate (§4.1.2).
  const Bytes& to_be_signed() const { return to_be_signed_; }
  // What the scheme signs: the digest of it, or for Ed25519 itself.
  const Bytes& digest() const { return digest_; }

  // data_loss when `signature` is not the issuer's over this certificate: nothing that does not
  // verify leaves.
  Result<Certificate> Finish(BytesView signature) const;

 private:
  UnsignedCertificate(v1::Scheme scheme, Bytes to_be_signed, Bytes digest, Bytes algorithm,
                      PublicKey issuer_key);

  v1::Scheme scheme_;
  Bytes to_be_signed_;
  Bytes digest_;
  Bytes algorithm_;  // The DER of the AlgorithmIdentifier.
  PublicKey issuer_key_;
};

// Signs a digest with the scheme; ECDSA signatures in DER.
using DigestSigner = std::function<Result<Bytes>(v1::Scheme scheme, BytesView digest)>;

Result<Certificate> IssueCertificate(const CertificateBlueprint& blueprint,
                                     const DigestSigner& signer);

}  // namespace twinseal::crypto
