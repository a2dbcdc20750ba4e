// Certificates and certificate requests. Signatures may be made elsewhere, by a key in an HSM.
// Pure functions and values; safe from any thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/crypto/public_key.h"

typedef struct evp_pkey_st EVP_PKEY;
typedef struct x509_st X509;

namespace twinseal::crypto {

using TimePoint = std::chrono::system_clock::time_point;

// What the product asks of a certificate.
struct CertificateFacts {
  std::string common_name;        // Empty when the subject has none.
  std::vector<std::string> uris;  // URI names of the subjectAltName (RFC 5280 §4.2.1.6).
  std::string serial;             // Hexadecimal, lower case.
  TimePoint not_before;
  TimePoint not_after;
};

// Immutable; copies share it.
class Certificate {
 public:
  // invalid_argument when it cannot be read, or there are bytes behind it.
  static Result<Certificate> FromDer(BytesView der);
  // The first certificate of the text.
  static Result<Certificate> FromPem(std::string_view pem);

  Bytes Der() const;
  std::string Pem() const;
  Result<CertificateFacts> Facts() const;
  Result<PublicKey> Key() const;
  // Whether `issuer`'s key signed it; data_loss when not.
  Status CheckSignedBy(const PublicKey& issuer) const;

  X509* get() const { return certificate_.get(); }

 private:
  explicit Certificate(std::shared_ptr<X509> certificate) : certificate_(std::move(certificate)) {}
  std::shared_ptr<X509> certificate_;
};

enum class Usage {
  kCa,  // CA:TRUE, path length 0; signs certificates and CRLs.
  kTlsServer,
  kTlsClient,
};

struct CertificateTemplate {
  std::string common_name;  // The whole subject: CN, and O=Twinseal.
  Usage usage = Usage::kTlsClient;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> addresses;  // IPv4 or IPv6, as text.
  TimePoint not_before;
  TimePoint not_after;
};

// Signs a SHA-256 digest with a P-256 key; the signature is DER.
using DigestSigner = std::function<Result<Bytes>(BytesView digest)>;

// A certificate for `subject`, signed with ecdsa-sha256 by the key of `issuer`; self-signed when
// there is no issuer (then `subject` is the signer's own key). A random serial of 159 bits (CA/B
// baseline §7.1); key identifiers as in RFC 5280 §4.2.1. The signature is verified before the
// certificate is returned: data_loss when it does not hold.
Result<Certificate> IssueCertificate(const CertificateTemplate& wanted, const PublicKey& subject,
                                     const Certificate* issuer, const DigestSigner& sign);

// A private key in software: for TLS, and for clients; never one of the appliance's signing keys.
class SoftwareKey {
 public:
  static Result<SoftwareKey> GenerateP256();

  PublicKey Public() const;
  // PKCS#8, not encrypted.
  Result<Secret> PrivatePem() const;
  // A PKCS#10 certificate request (RFC 2986) with CN=`common_name`.
  Result<std::string> RequestPem(std::string_view common_name) const;

  EVP_PKEY* get() const { return key_.get(); }

 private:
  explicit SoftwareKey(std::shared_ptr<EVP_PKEY> key) : key_(std::move(key)) {}
  std::shared_ptr<EVP_PKEY> key_;
};

// The key of a certificate request that proves possession of it; invalid_argument otherwise.
// Nothing else in the request counts: names are given by who issues.
Result<PublicKey> ReadRequest(std::string_view pem);

}  // namespace twinseal::crypto
