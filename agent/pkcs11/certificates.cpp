#include "agent/pkcs11/certificates.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/x509.h>

#include "common/base/big_endian.h"
#include "common/crypto/der.h"
#include "common/crypto/digest.h"
#include "common/crypto/x509.h"

namespace twinseal::pkcs11 {
namespace {

// CKA_CHECK_VALUE: the first bytes of the SHA-1.
constexpr std::size_t kCheckValueSize = 3;

std::uint64_t ShortIdOf(const Bytes& der) {
  const crypto::Sha256Digest digest = crypto::Sha256(der);
  return ReadBigEndian<std::uint64_t>(BytesView(digest).first(sizeof(std::uint64_t)));
}

CertificateObject Object(const CertificateFacts& facts, ObjectKind kind, std::string label,
                         const Bytes& der) {
  return {{facts.key, facts.version, kind, ShortIdOf(der)}, std::move(label), {}, der};
}

void Add(const CertificateFacts& facts, const std::string& label,
         std::vector<CertificateObject>& objects) {
  objects.push_back(Object(facts, ObjectKind::kCertificate, label, facts.der));
  objects.back().id = facts.id;
  for (std::size_t i = 0; i < facts.issuers.size(); ++i) {
    objects.push_back(Object(facts, ObjectKind::kIssuer, fmt::format("{} issuer {}", label, i + 1),
                             facts.issuers[i]));
  }
}

// A CK_DATE: eight digits.
Bytes Date(crypto::UnixTime time) {
  const std::chrono::year_month_day day(std::chrono::floor<std::chrono::days>(time));
  return ToBytes(fmt::format("{:04}{:02}{:02}", static_cast<int>(day.year()),
                             static_cast<unsigned>(day.month()), static_cast<unsigned>(day.day())));
}

Result<Bytes> CheckValue(const Bytes& der) {
  TWINSEAL_ASSIGN_OR_RETURN(crypto::Hasher hasher, crypto::Hasher::Create("SHA1"));
  hasher.Update(der);
  Bytes value = hasher.Finish();
  value.resize(kCheckValueSize);
  return value;
}

void AddKind(bool is_issuer, Attributes& attributes) {
  for (const CK_ATTRIBUTE_TYPE no : {CKA_PRIVATE, CKA_MODIFIABLE, CKA_COPYABLE, CKA_TRUSTED})
    attributes[no] = Truth(false);
  attributes[CKA_DESTROYABLE] = Truth(!is_issuer);
  constexpr CK_ULONG kTokenUser = 1;
  constexpr CK_ULONG kAuthority = 2;
  attributes[CKA_CERTIFICATE_CATEGORY] = Number(is_issuer ? kAuthority : kTokenUser);
  attributes[CKA_JAVA_MIDP_SECURITY_DOMAIN] = Number(0);
  for (const CK_ATTRIBUTE_TYPE empty :
       {CKA_URL, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY}) {
    attributes[empty] = {};
  }
}

}  // namespace

std::vector<CertificateObject> ObjectsOf(const std::vector<CertificateFacts>& certificates) {
  std::map<KeyId, std::map<std::uint32_t, const CertificateFacts*>> newest;
  for (const CertificateFacts& facts : certificates) {
    newest[facts.key].try_emplace(facts.version, &facts);
  }
  std::vector<CertificateObject> objects;
  for (const auto& [key, versions] : newest) {
    for (auto one = versions.rbegin(); one != versions.rend(); ++one) {
      const auto& [version, facts] = *one;
      const bool is_newest = one == versions.rbegin();
      Add(*facts,
          is_newest ? facts->key_name : fmt::format("{} version {}", facts->key_name, version),
          objects);
    }
  }
  return objects;
}

std::string KeyNameIn(const std::string& label) {
  return label.substr(0, std::min(label.find(" version "), label.find(" issuer ")));
}

Attributes ListedAttributesOf(const CertificateObject& certificate) {
  const bool is_issuer = certificate.object.kind == ObjectKind::kIssuer;
  return {{CKA_CLASS, Number(CKO_CERTIFICATE)},
          {CKA_CERTIFICATE_TYPE, Number(CKC_X_509)},
          {CKA_TOKEN, Truth(true)},
          {CKA_LABEL, ToBytes(certificate.label)},
          {CKA_ID, is_issuer ? Bytes() : CkaIdOf(certificate.object)},
          {CKA_VALUE, certificate.der}};
}

Result<Attributes> AttributesOf(const CertificateObject& certificate) {
  const bool is_issuer = certificate.object.kind == ObjectKind::kIssuer;
  TWINSEAL_ASSIGN_OR_RETURN(const auto read, crypto::Certificate::FromDer(certificate.der));
  const X509* const x509 = read.native();
  Attributes attributes = ListedAttributesOf(certificate);
  attributes[CKA_START_DATE] = Date(read.not_before());
  attributes[CKA_END_DATE] = Date(read.not_after());
  attributes[CKA_PUBLIC_KEY_INFO] = read.SubjectPublicKeyInfo();
  attributes[CKA_UNIQUE_ID] =
      ToBytes(fmt::format("{}-certificate-{:016x}", HexEncode(CkaIdOf(certificate.object)),
                          certificate.object.certificate));
  TWINSEAL_ASSIGN_OR_RETURN(attributes[CKA_CHECK_VALUE], CheckValue(certificate.der));
  TWINSEAL_ASSIGN_OR_RETURN(attributes[CKA_SUBJECT],
                            crypto::DerOf(i2d_X509_NAME, X509_get_subject_name(x509), "a name"));
  TWINSEAL_ASSIGN_OR_RETURN(attributes[CKA_ISSUER],
                            crypto::DerOf(i2d_X509_NAME, X509_get_issuer_name(x509), "a name"));
  TWINSEAL_ASSIGN_OR_RETURN(
      attributes[CKA_SERIAL_NUMBER],
      crypto::DerOf(i2d_ASN1_INTEGER, X509_get0_serialNumber(x509), "a serial number"));
  AddKind(is_issuer, attributes);
  return attributes;
}

}  // namespace twinseal::pkcs11
