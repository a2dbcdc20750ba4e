// The part of a signed X.509 structure that has to do with its signature, for structures that are
// signed elsewhere.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/algorithms.h"

typedef struct x509_st X509;

namespace twinseal::crypto {

// The DER AlgorithmIdentifier of a scheme (RFC 5758 §3.2, RFC 4055 §3.1 and §5, RFC 8410 §3).
Result<Bytes> SignatureAlgorithm(const SchemeInfo& scheme);

// Writes it into the certificate's TBSCertificate, where §4.1.2.3 of RFC 5280 wants it a second
// time.
Status SetSignatureAlgorithm(X509* certificate, BytesView algorithm);

// What the scheme signs of a message: its digest, or itself for Ed25519.
Result<Bytes> SchemeInput(const SchemeInfo& scheme, BytesView message);

// SEQUENCE { to_be_signed, algorithm, BIT STRING signature }, the form of certificates, CRLs and
// OCSP responses.
Bytes SignedSequence(BytesView to_be_signed, BytesView algorithm, BytesView signature);

}  // namespace twinseal::crypto
