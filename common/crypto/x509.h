// X.509 certificates (RFC 5280) and certification requests (RFC 2986) as values.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/public_key.h"
#include "common/crypto/software_key.h"

typedef struct x509_st X509;
typedef struct X509_req_st X509_REQ;

namespace twinseal::crypto {

using UnixTime = std::chrono::sys_seconds;

// Attributes in the order in which they are encoded: {{"O", "Example"}, {"CN", "Corp Root"}}. Types
// are OpenSSL's short names.
struct NameAttribute {
  std::string type;
  std::string value;  // UTF-8.
  friend bool operator==(const NameAttribute&, const NameAttribute&) = default;
};
using DistinguishedName = std::vector<NameAttribute>;

// A certificate that was read; nothing of it has been verified. Immutable, copies share it, safe
// for several threads.
class Certificate {
 public:
  // invalid_argument for anything but exactly one certificate.
  static Result<Certificate> FromDer(BytesView der);
  static Result<Certificate> FromPem(std::string_view pem);
  // Takes a reference of its own.
  static Result<Certificate> FromNative(X509* certificate);

  const Bytes& der() const;
  std::string Pem() const;
  // RFC 2253, in UTF-8: "CN=Corp Root,O=Example".
  const std::string& subject() const;
  const std::string& issuer() const;
  // Upper-case hexadecimal, an even number of digits.
  const std::string& serial() const;
  UnixTime not_before() const;
  UnixTime not_after() const;
  // The subject alternative names (RFC 5280 §4.2.1.6) of these kinds, in their order.
  const std::vector<std::string>& uris() const;
  const std::vector<std::string>& dns_names() const;
  const std::vector<std::string>& ip_addresses() const;
  // The whole SubjectPublicKeyInfo, and as a key; invalid_argument for keys that Twinseal does not
  // sign with.
  Bytes SubjectPublicKeyInfo() const;
  Result<PublicKey> ReadPublicKey() const;
  // SHA-256 of the DER form, in lower-case hexadecimal.
  std::string Fingerprint() const;
  // That the other's subject is this one's issuer and may issue certificates, and that its key
  // verifies this one's signature (RFC 5280 §6.1.3 (a)(1), (a)(4)). Times are not looked at.
  bool IsIssuedBy(const Certificate& issuer) const;

  X509* native() const;

 private:
  struct Fields;
  explicit Certificate(std::shared_ptr<const Fields> fields) : fields_(std::move(fields)) {}
  std::shared_ptr<const Fields> fields_;
};

// All certificates of a PEM file, in their order; at least one.
Result<std::vector<Certificate>> ReadPemCertificates(std::string_view pem);

enum class Purpose { kTlsClient, kTlsServer };

// That `leaf` was issued by one of `trusted`, is valid at `when` and may serve the purpose (RFC
// 5280 §6). unauthenticated with the reason when not.
Status VerifyCertificate(const Certificate& leaf, const std::vector<Certificate>& trusted,
                         Purpose purpose, UnixTime when);

// A certification request whose signature has been verified: the sender has the private key (RFC
// 2986 §4.2).
class CertificateRequest {
 public:
  // invalid_argument when it cannot be read, its signature is wrong, or its key is of a kind or
  // size that Twinseal does not certify.
  static Result<CertificateRequest> FromDer(BytesView der);
  static Result<CertificateRequest> FromPem(std::string_view pem);
  // Signed by `key`.
  static Result<CertificateRequest> Make(const SoftwareKey& key, const DistinguishedName& subject);

  std::string Pem() const;
  const std::string& subject() const { return subject_; }  // RFC 2253.
  const PublicKey& public_key() const { return public_key_; }

 private:
  CertificateRequest(std::shared_ptr<X509_REQ> request, std::string subject, PublicKey public_key)
      : request_(std::move(request)),
        subject_(std::move(subject)),
        public_key_(std::move(public_key)) {}
  static Result<CertificateRequest> FromNative(std::shared_ptr<X509_REQ> request);

  std::shared_ptr<X509_REQ> request_;
  std::string subject_;
  PublicKey public_key_;
};

}  // namespace twinseal::crypto
