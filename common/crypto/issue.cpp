#include "common/crypto/issue.h"

#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/rand.h>

#include "common/crypto/digest.h"
#include "common/crypto/openssl_error.h"
#include "common/crypto/signature_algorithm.h"
#include "common/crypto/x509_names.h"

namespace twinseal::crypto {
namespace {

// RFC 5280 §4.1.2.2: at most 20 octets, and positive.
constexpr std::size_t kMaxSerialBytes = 20;

using AsnIntegerPtr = OpensslPtr<ASN1_INTEGER, ASN1_INTEGER_free>;
using AsnBitsPtr = OpensslPtr<ASN1_BIT_STRING, ASN1_BIT_STRING_free>;
using AsnOctetsPtr = OpensslPtr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
using BasicConstraintsPtr = OpensslPtr<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>;
using ExtendedUsagePtr = OpensslPtr<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using AuthorityKeyPtr = OpensslPtr<AUTHORITY_KEYID, AUTHORITY_KEYID_free>;

Error Invalid(std::string message) { return Error(Code::kInvalidArgument, std::move(message)); }

Result<Bytes> RandomSerial() {
  Bytes serial(kMaxSerialBytes);
  if (RAND_bytes(serial.data(), static_cast<int>(serial.size())) != 1) {
    return OpensslError(Code::kInternal, "making a random serial number");
  }
  // The top bit clear keeps it positive, the next one set keeps its length the same for all.
  serial[0] = static_cast<std::uint8_t>((serial[0] & 0x7fU) | 0x40U);
  return serial;
}

Status SetSerial(X509* certificate, BytesView serial) {
  if (serial.size() > kMaxSerialBytes ||
      (serial.size() == kMaxSerialBytes && (serial[0] & 0x80U) != 0)) {
    return Invalid("a serial number has at most 20 bytes, and its first bit is 0");
  }
  const OpensslPtr<BIGNUM, BN_free> number(
      BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
  if (number == nullptr || BN_is_zero(number.get()) ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return Invalid("a serial number must be positive");
  }
  return Ok();
}

Status SetTimes(X509* certificate, UnixTime not_before, UnixTime not_after) {
  if (not_after <= not_before) return Invalid("a certificate must end after it begins");
  // ASN1_TIME_set chooses UTCTime before 2050 and GeneralizedTime after, as §4.1.2.5 wants.
  if (ASN1_TIME_set(X509_getm_notBefore(certificate),
                    static_cast<time_t>(not_before.time_since_epoch().count())) == nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate),
                    static_cast<time_t>(not_after.time_since_epoch().count())) == nullptr) {
    return OpensslError(Code::kInvalidArgument, "the certificate's times cannot be encoded");
  }
  return Ok();
}

Status AddExtension(X509* certificate, int nid, void* value, bool critical) {
  if (X509_add1_ext_i2d(certificate, nid, value, critical ? 1 : 0, X509V3_ADD_DEFAULT) != 1) {
    return OpensslError(Code::kInternal, fmt::format("adding the extension {}", OBJ_nid2sn(nid)));
  }
  return Ok();
}

Status AddBasicConstraints(X509* certificate, const CertificateBlueprint& blueprint) {
  const BasicConstraintsPtr constraints(BASIC_CONSTRAINTS_new());
  if (constraints == nullptr) return OpensslError(Code::kInternal, "making an extension");
  // OpenSSL writes the byte as it is, and DER's TRUE is 0xff (X.690 §11.1); Go takes no other.
  constraints->ca = blueprint.is_ca ? 0xff : 0;
  if (blueprint.path_length.has_value()) {
    if (!blueprint.is_ca || *blueprint.path_length < 0)
      return Invalid("only a CA has a path length, of 0 or more");
    constraints->pathlen = ASN1_INTEGER_new();
    if (constraints->pathlen == nullptr ||
        ASN1_INTEGER_set(constraints->pathlen, *blueprint.path_length) != 1) {
      return OpensslError(Code::kInternal, "making an extension");
    }
  }
  return AddExtension(certificate, NID_basic_constraints, constraints.get(), true);
}

Status AddKeyUsage(X509* certificate, const KeyUsage& usage) {
  // The bits of RFC 5280 §4.2.1.3.
  constexpr int kDigitalSignature = 0;
  constexpr int kKeyCertSign = 5;
  constexpr int kCrlSign = 6;
  const AsnBitsPtr bits(ASN1_BIT_STRING_new());
  if (bits == nullptr ||
      (usage.digital_signature && ASN1_BIT_STRING_set_bit(bits.get(), kDigitalSignature, 1) != 1) ||
      (usage.certificate_sign && ASN1_BIT_STRING_set_bit(bits.get(), kKeyCertSign, 1) != 1) ||
      (usage.crl_sign && ASN1_BIT_STRING_set_bit(bits.get(), kCrlSign, 1) != 1)) {
    return OpensslError(Code::kInternal, "making an extension");
  }
  if (!usage.digital_signature && !usage.certificate_sign && !usage.crl_sign) {
    return Invalid("a certificate needs a key usage");
  }
  return AddExtension(certificate, NID_key_usage, bits.get(), true);
}

Status AddExtendedUsage(X509* certificate, const CertificateBlueprint& blueprint) {
  if (!blueprint.tls_server && !blueprint.tls_client) return Ok();
  const ExtendedUsagePtr usages(EXTENDED_KEY_USAGE_new());
  if (usages == nullptr ||
      (blueprint.tls_server &&
       sk_ASN1_OBJECT_push(usages.get(), OBJ_nid2obj(NID_server_auth)) == 0) ||
      (blueprint.tls_client &&
       sk_ASN1_OBJECT_push(usages.get(), OBJ_nid2obj(NID_client_auth)) == 0)) {
    return OpensslError(Code::kInternal, "making an extension");
  }
  return AddExtension(certificate, NID_ext_key_usage, usages.get(), false);
}

// Takes the octets of an address, 4 or 16.
Result<std::string> AddressOctets(const std::string& text) {
  std::string octets(sizeof(in6_addr), '\0');
  if (inet_pton(AF_INET, text.c_str(), octets.data()) == 1)
    return octets.substr(0, sizeof(in_addr));
  if (inet_pton(AF_INET6, text.c_str(), octets.data()) == 1) return octets;
  return Invalid("an alternative name is no IP address");
}

Status PushName(GENERAL_NAMES* names, int kind, std::string_view text) {
  // IA5String (§4.2.1.6); NUL and control characters have fooled many a reader of certificates.
  for (const char c : text) {
    if (kind != GEN_IPADD && (c <= ' ' || c > '~'))
      return Invalid("an alternative name has a character that is not allowed");
  }
  if (text.empty()) return Invalid("an alternative name is empty");
  OpensslPtr<GENERAL_NAME, GENERAL_NAME_free> name(GENERAL_NAME_new());
  OpensslPtr<ASN1_STRING, ASN1_STRING_free> value(
      ASN1_STRING_type_new(kind == GEN_IPADD ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING));
  if (name == nullptr || value == nullptr ||
      ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) != 1) {
    return OpensslError(Code::kInternal, "making an alternative name");
  }
  GENERAL_NAME_set0_value(name.get(), kind, value.release());
  if (sk_GENERAL_NAME_push(names, name.get()) == 0) {
    return OpensslError(Code::kInternal, "making an alternative name");
  }
  static_cast<void>(name.release());
  return Ok();
}

Status AddAlternativeNames(X509* certificate, const CertificateBlueprint& blueprint) {
  const GeneralNamesPtr names(GENERAL_NAMES_new());
  if (names == nullptr) return OpensslError(Code::kInternal, "making an alternative name");
  for (const std::string& uri : blueprint.uris)
    TWINSEAL_RETURN_IF_ERROR(PushName(names.get(), GEN_URI, uri));
  for (const std::string& dns : blueprint.dns_names)
    TWINSEAL_RETURN_IF_ERROR(PushName(names.get(), GEN_DNS, dns));
  for (const std::string& address : blueprint.ip_addresses) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::string octets, AddressOctets(address));
    TWINSEAL_RETURN_IF_ERROR(PushName(names.get(), GEN_IPADD, octets));
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return Ok();
  return AddExtension(certificate, NID_subject_alt_name, names.get(), false);
}

Result<AsnOctetsPtr> OctetString(BytesView bytes) {
  AsnOctetsPtr string(ASN1_OCTET_STRING_new());
  if (string == nullptr ||
      ASN1_OCTET_STRING_set(string.get(), bytes.data(), static_cast<int>(bytes.size())) != 1) {
    return OpensslError(Code::kInternal, "making an octet string");
  }
  return string;
}

// RFC 7093 §2 (1): the leftmost 160 bits of the SHA-256 of the key. The bits of subjectPublicKey.
Result<Bytes> KeyIdentifier(X509* certificate) {
  const ASN1_BIT_STRING* const key = X509_get0_pubkey_bitstr(certificate);
  if (key == nullptr) return OpensslError(Code::kInternal, "reading a public key");
  const Sha256Digest digest =
      Sha256({ASN1_STRING_get0_data(key), static_cast<std::size_t>(ASN1_STRING_length(key))});
  constexpr std::ptrdiff_t kIdentifierBytes = 20;
  return Bytes(digest.begin(), digest.begin() + kIdentifierBytes);
}

Status AddKeyIdentifiers(X509* certificate, const std::optional<Certificate>& issuer) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes own, KeyIdentifier(certificate));
  TWINSEAL_ASSIGN_OR_RETURN(const AsnOctetsPtr subject, OctetString(own));
  TWINSEAL_RETURN_IF_ERROR(
      AddExtension(certificate, NID_subject_key_identifier, subject.get(), false));
  if (!issuer.has_value())
    return Ok();  // §4.2.1.1: a certificate that signs itself may leave it out.
  const ASN1_OCTET_STRING* const known = X509_get0_subject_key_id(issuer->native());
  const AuthorityKeyPtr authority(AUTHORITY_KEYID_new());
  if (authority == nullptr) return OpensslError(Code::kInternal, "making an extension");
  if (known == nullptr) return Ok();
  authority->keyid = ASN1_OCTET_STRING_dup(known);
  if (authority->keyid == nullptr) return OpensslError(Code::kInternal, "making an extension");
  return AddExtension(certificate, NID_authority_key_identifier, authority.get(), false);
}

Status SetKeyAndNames(X509* certificate, const CertificateBlueprint& blueprint) {
  TWINSEAL_ASSIGN_OR_RETURN(const X509NamePtr subject, EncodeName(blueprint.subject));
  // Byte for byte the issuer's own name, which is what chains are built by.
  const X509_NAME* const issuer = blueprint.issuer.has_value()
                                      ? X509_get_subject_name(blueprint.issuer->native())
                                      : subject.get();
  const Bytes& der = blueprint.subject_key.der();
  const unsigned char* next = der.data();
  const KeyPtr key(d2i_PUBKEY(nullptr, &next, static_cast<long>(der.size())));
  if (key == nullptr || X509_set_subject_name(certificate, subject.get()) != 1 ||
      X509_set_issuer_name(certificate, issuer) != 1 ||
      X509_set_pubkey(certificate, key.get()) != 1) {
    return OpensslError(Code::kInternal, "setting a certificate's names and key");
  }
  return Ok();
}

Result<Bytes> EncodeToBeSigned(X509* certificate) {
  unsigned char* encoded = nullptr;
  const int size = i2d_re_X509_tbs(certificate, &encoded);
  if (size <= 0) return OpensslError(Code::kInternal, "encoding a certificate");
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return der;
}

}  // namespace

UnsignedCertificate::UnsignedCertificate(v1::Scheme scheme, Bytes to_be_signed, Bytes digest,
                                         Bytes algorithm, PublicKey issuer_key)
    : scheme_(scheme),
      to_be_signed_(std::move(to_be_signed)),
      digest_(std::move(digest)),
      algorithm_(std::move(algorithm)),
      issuer_key_(std::move(issuer_key)) {}

Result<UnsignedCertificate> UnsignedCertificate::Make(const CertificateBlueprint& blueprint) {
  Result<PublicKey> issuer_key = blueprint.issuer.has_value()
                                     ? blueprint.issuer->ReadPublicKey()
                                     : Result<PublicKey>(blueprint.subject_key);
  if (!issuer_key.ok()) return issuer_key.error();
  const SchemeInfo* const scheme = Find(blueprint.scheme);
  const AlgorithmInfo* const issuer_algorithm = Find(issuer_key->algorithm());
  if (scheme == nullptr || issuer_algorithm == nullptr || !Fits(*scheme, *issuer_algorithm)) {
    return Invalid(fmt::format("scheme: {} does not fit an issuing key of algorithm {}",
                               Name(blueprint.scheme), Name(issuer_key->algorithm())));
  }

  const X509Ptr certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1) {
    return OpensslError(Code::kInternal, "making a certificate");
  }
  Bytes serial = blueprint.serial;
  if (serial.empty()) {
    TWINSEAL_ASSIGN_OR_RETURN(serial, RandomSerial());
  }
  TWINSEAL_RETURN_IF_ERROR(SetSerial(certificate.get(), serial));
  TWINSEAL_RETURN_IF_ERROR(SetTimes(certificate.get(), blueprint.not_before, blueprint.not_after));
  TWINSEAL_RETURN_IF_ERROR(SetKeyAndNames(certificate.get(), blueprint));
  TWINSEAL_RETURN_IF_ERROR(AddBasicConstraints(certificate.get(), blueprint));
  TWINSEAL_RETURN_IF_ERROR(AddKeyUsage(certificate.get(), blueprint.usage));
  TWINSEAL_RETURN_IF_ERROR(AddExtendedUsage(certificate.get(), blueprint));
  TWINSEAL_RETURN_IF_ERROR(AddAlternativeNames(certificate.get(), blueprint));
  TWINSEAL_RETURN_IF_ERROR(AddKeyIdentifiers(certificate.get(), blueprint.issuer));

  TWINSEAL_ASSIGN_OR_RETURN(Bytes algorithm, SignatureAlgorithm(*scheme));
  TWINSEAL_RETURN_IF_ERROR(SetSignatureAlgorithm(certificate.get(), algorithm));
  TWINSEAL_ASSIGN_OR_RETURN(Bytes to_be_signed, EncodeToBeSigned(certificate.get()));
  TWINSEAL_ASSIGN_OR_RETURN(Bytes digest, SchemeInput(*scheme, to_be_signed));
  return UnsignedCertificate(blueprint.scheme, std::move(to_be_signed), std::move(digest),
                             std::move(algorithm), std::move(issuer_key).value());
}

Result<Certificate> UnsignedCertificate::Finish(BytesView signature) const {
  if (const Status verified = issuer_key_.Verify(scheme_, digest_, signature); !verified.ok()) {
    return verified.error().Within("signing a certificate");
  }
  return Certificate::FromDer(SignedSequence(to_be_signed_, algorithm_, signature));
}

Result<Certificate> IssueCertificate(const CertificateBlueprint& blueprint,
                                     const DigestSigner& signer) {
  TWINSEAL_ASSIGN_OR_RETURN(const UnsignedCertificate draft, UnsignedCertificate::Make(blueprint));
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes signature, signer(draft.scheme(), draft.digest()));
  return draft.Finish(signature);
}

}  // namespace twinseal::crypto
