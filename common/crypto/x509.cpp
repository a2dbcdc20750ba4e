#include "common/crypto/x509.h"

#include <array>
#include <climits>
#include <ctime>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/asn1.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/crypto/digest.h"
#include "common/crypto/openssl_error.h"

namespace twinseal::crypto {
namespace {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Deleter<BN_free>>;

constexpr int kSerialBytes =
    20;  // With its top bit clear: 159 random bits, at most 20 octets (RFC 5280 §4.1.2.2).
constexpr long kVersion3 = 2;

BioPtr ReadFrom(std::string_view text) {
  if (text.size() > INT_MAX) return nullptr;
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string TextOf(BIO* bio) {
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

// What i2d_* gives.
template <typename T>
Bytes DerOf(int (*encode)(const T*, unsigned char**), const T* object) {
  unsigned char* encoded = nullptr;
  const int size = encode(object, &encoded);
  if (size <= 0) return {};
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return der;
}

Result<TimePoint> TimeOf(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1)
    return OpenSslError(Code::kInvalidArgument, "reading a certificate's dates");
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string CommonNameOf(const X509_NAME* name) {
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return {};
  const ASN1_STRING* const value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) return {};
  std::string common_name(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return common_name;
}

std::vector<std::string> UrisOf(const X509* certificate) {
  std::vector<std::string> uris;
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (names == nullptr) return uris;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_STRING* const uri = name->d.uniformResourceIdentifier;
    uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                      static_cast<std::size_t>(ASN1_STRING_length(uri)));
  }
  return uris;
}

std::string SerialOf(const X509* certificate) {
  const BignumPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (number == nullptr) return {};
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), bytes.data());
  return HexEncode(bytes);
}

bool SetSubject(X509_NAME* name, const std::string& common_name) {
  const auto add = [name](const char* field, const std::string& value) {
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(value.data()),
                                      static_cast<int>(value.size()), -1, 0) == 1;
  };
  return add("O", "Twinseal") && add("CN", common_name);
}

bool SetRandomSerial(X509* certificate) {
  std::array<std::uint8_t, kSerialBytes> bytes{};
  if (RAND_bytes(bytes.data(), kSerialBytes) != 1) return false;
  bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7fU) | 0x40U);
  const BignumPtr number(BN_bin2bn(bytes.data(), kSerialBytes, nullptr));
  return number != nullptr &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool SetDates(X509* certificate, const CertificateTemplate& wanted) {
  const auto set = [](ASN1_TIME* field, TimePoint time) {
    return ASN1_TIME_set(field, std::chrono::system_clock::to_time_t(time)) != nullptr;
  };
  return set(X509_getm_notBefore(certificate), wanted.not_before) &&
         set(X509_getm_notAfter(certificate), wanted.not_after);
}

bool AddExtension(X509* certificate, X509V3_CTX& context, int nid, const std::string& value) {
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

GENERAL_NAME* TextName(int type, const std::string& text) {
  GENERAL_NAME* const name = GENERAL_NAME_new();
  ASN1_IA5STRING* const value = ASN1_IA5STRING_new();
  if (name == nullptr || value == nullptr ||
      ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())) != 1) {
    GENERAL_NAME_free(name);
    ASN1_IA5STRING_free(value);
    return nullptr;
  }
  GENERAL_NAME_set0_value(name, type, value);
  return name;
}

GENERAL_NAME* AddressName(const std::string& text) {
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(text.c_str());
  GENERAL_NAME* const name = address == nullptr ? nullptr : GENERAL_NAME_new();
  if (name == nullptr) {
    ASN1_OCTET_STRING_free(address);
    return nullptr;
  }
  GENERAL_NAME_set0_value(name, GEN_IPADD, address);
  return name;
}

// Built as values, not as a configuration string, so that no name can smuggle in another.
bool AddNames(X509* certificate, const CertificateTemplate& wanted) {
  if (wanted.uris.empty() && wanted.dns_names.empty() && wanted.addresses.empty()) return true;
  const NamesPtr names(sk_GENERAL_NAME_new_null());
  const auto push = [&names](GENERAL_NAME* name) {
    if (name == nullptr) return false;
    if (sk_GENERAL_NAME_push(names.get(), name) > 0) return true;
    GENERAL_NAME_free(name);
    return false;
  };
  if (names == nullptr) return false;
  for (const std::string& uri : wanted.uris) {
    if (!push(TextName(GEN_URI, uri))) return false;
  }
  for (const std::string& dns : wanted.dns_names) {
    if (!push(TextName(GEN_DNS, dns))) return false;
  }
  for (const std::string& address : wanted.addresses) {
    if (!push(AddressName(address))) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) ==
         1;
}

bool AddExtensions(X509* certificate, const CertificateTemplate& wanted, X509* issuer) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const auto add = [&](int nid, const char* value) {
    return AddExtension(certificate, context, nid, value);
  };
  bool added = false;
  switch (wanted.usage) {
    case Usage::kCa:
      added = add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add(NID_key_usage, "critical,keyCertSign,cRLSign");
      break;
    case Usage::kTlsServer:
      added = add(NID_basic_constraints, "critical,CA:FALSE") &&
              add(NID_key_usage, "critical,digitalSignature") &&
              add(NID_ext_key_usage, "serverAuth");
      break;
    case Usage::kTlsClient:
      added = add(NID_basic_constraints, "critical,CA:FALSE") &&
              add(NID_key_usage, "critical,digitalSignature") &&
              add(NID_ext_key_usage, "clientAuth");
      break;
  }
  return added && add(NID_subject_key_identifier, "hash") &&
         add(NID_authority_key_identifier, "keyid:always") && AddNames(certificate, wanted);
}

std::shared_ptr<EVP_PKEY> OpenSslKey(const PublicKey& key) {
  const unsigned char* next = key.der().data();
  return {d2i_PUBKEY(nullptr, &next, static_cast<long>(key.der().size())), EVP_PKEY_free};
}

// SEQUENCE { tbsCertificate, ecdsa-with-SHA256, BIT STRING } (RFC 5280 §4.1). The to-be-signed part
// must name its algorithm before it is hashed, and OpenSSL writes that name only when it signs
// itself. So it signs once with a key that is thrown away, and then the signature is replaced by
// the real one.
Result<Certificate> SignWith(X509* certificate, const DigestSigner& sign) {
  TWINSEAL_ASSIGN_OR_RETURN(const SoftwareKey placeholder, SoftwareKey::GenerateP256());
  if (X509_sign(certificate, placeholder.get(), EVP_sha256()) <= 0) {
    return OpenSslError(Code::kInternal, "preparing a certificate");
  }
  unsigned char* encoded = nullptr;
  const int size = i2d_re_X509_tbs(certificate, &encoded);
  if (size <= 0) return OpenSslError(Code::kInternal, "encoding a certificate");
  const Bytes to_be_signed(encoded, encoded + size);
  OPENSSL_free(encoded);

  const Sha256Digest digest = Sha256(to_be_signed);
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes signature, sign(digest));
  const ASN1_BIT_STRING* current = nullptr;
  X509_get0_signature(&current, nullptr, certificate);
  // OpenSSL has no setter for a signature that was made elsewhere.
  auto* const replaced = const_cast<ASN1_BIT_STRING*>(current);
  if (ASN1_STRING_set(replaced, signature.data(), static_cast<int>(signature.size())) != 1) {
    return OpenSslError(Code::kInternal, "signing a certificate");
  }
  return Certificate::FromDer(DerOf<X509>(i2d_X509, certificate));
}

}  // namespace

Result<Certificate> Certificate::FromDer(BytesView der) {
  const unsigned char* next = der.data();
  std::shared_ptr<X509> certificate(
      d2i_X509(nullptr, &next, der.size() > LONG_MAX ? 0 : static_cast<long>(der.size())),
      X509_free);
  if (certificate == nullptr) return OpenSslError(Code::kInvalidArgument, "reading a certificate");
  if (next != der.data() + der.size()) {
    return Error(Code::kInvalidArgument, "reading a certificate: there are bytes behind it");
  }
  return Certificate(std::move(certificate));
}

Result<Certificate> Certificate::FromPem(std::string_view pem) {
  const BioPtr bio = ReadFrom(pem);
  std::shared_ptr<X509> certificate(
      bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr),
      X509_free);
  if (certificate == nullptr) return OpenSslError(Code::kInvalidArgument, "reading a certificate");
  return Certificate(std::move(certificate));
}

Bytes Certificate::Der() const { return DerOf<X509>(i2d_X509, certificate_.get()); }

std::string Certificate::Pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate_.get()) != 1) return {};
  return TextOf(bio.get());
}

Result<CertificateFacts> Certificate::Facts() const {
  CertificateFacts facts;
  facts.common_name = CommonNameOf(X509_get_subject_name(certificate_.get()));
  facts.uris = UrisOf(certificate_.get());
  facts.serial = SerialOf(certificate_.get());
  TWINSEAL_ASSIGN_OR_RETURN(facts.not_before, TimeOf(X509_get0_notBefore(certificate_.get())));
  TWINSEAL_ASSIGN_OR_RETURN(facts.not_after, TimeOf(X509_get0_notAfter(certificate_.get())));
  return facts;
}

Result<PublicKey> Certificate::Key() const {
  return PublicKey::FromDer(DerOf<EVP_PKEY>(i2d_PUBKEY, X509_get0_pubkey(certificate_.get())));
}

Status Certificate::CheckSignedBy(const PublicKey& issuer) const {
  const std::shared_ptr<EVP_PKEY> key = OpenSslKey(issuer);
  if (key != nullptr && X509_verify(certificate_.get(), key.get()) == 1) return Ok();
  return OpenSslError(Code::kDataLoss, "the certificate's signature does not hold");
}

Result<Certificate> IssueCertificate(const CertificateTemplate& wanted, const PublicKey& subject,
                                     const Certificate* issuer, const DigestSigner& sign) {
  const std::unique_ptr<X509, Deleter<X509_free>> certificate(X509_new());
  const std::shared_ptr<EVP_PKEY> key = OpenSslKey(subject);
  X509* const raw = certificate.get();
  X509* const signer = issuer == nullptr ? raw : issuer->get();
  if (raw == nullptr || key == nullptr || X509_set_version(raw, kVersion3) != 1 ||
      !SetRandomSerial(raw) || !SetDates(raw, wanted) ||
      !SetSubject(X509_get_subject_name(raw), wanted.common_name) ||
      X509_set_issuer_name(raw, X509_get_subject_name(signer)) != 1 ||
      X509_set_pubkey(raw, key.get()) != 1 || !AddExtensions(raw, wanted, signer)) {
    return OpenSslError(Code::kInvalidArgument, "building a certificate");
  }
  TWINSEAL_ASSIGN_OR_RETURN(Certificate issued, SignWith(raw, sign));
  TWINSEAL_ASSIGN_OR_RETURN(const PublicKey signing_key,
                            issuer == nullptr ? issued.Key() : issuer->Key());
  TWINSEAL_RETURN_IF_ERROR(issued.CheckSignedBy(signing_key));
  return issued;
}

Result<SoftwareKey> SoftwareKey::GenerateP256() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  if (key == nullptr) return OpenSslError(Code::kInternal, "making a key");
  return SoftwareKey(std::move(key));
}

PublicKey SoftwareKey::Public() const {
  // A key that OpenSSL has just made can be encoded and read back.
  return PublicKey::FromDer(DerOf<EVP_PKEY>(i2d_PUBKEY, key_.get())).value();
}

Result<Secret> SoftwareKey::PrivatePem() const {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (bio == nullptr ||
      PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpenSslError(Code::kInternal, "writing a private key");
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return Secret(AsBytes({text, static_cast<std::size_t>(size)}));
}

Result<std::string> SoftwareKey::RequestPem(std::string_view common_name) const {
  const RequestPtr request(X509_REQ_new());
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (request == nullptr || bio == nullptr || X509_REQ_set_version(request.get(), 0) != 1 ||
      !SetSubject(X509_REQ_get_subject_name(request.get()), std::string(common_name)) ||
      X509_REQ_set_pubkey(request.get(), key_.get()) != 1 ||
      X509_REQ_sign(request.get(), key_.get(), EVP_sha256()) <= 0 ||
      PEM_write_bio_X509_REQ(bio.get(), request.get()) != 1) {
    return OpenSslError(Code::kInternal, "making a certificate request");
  }
  return TextOf(bio.get());
}

Result<PublicKey> ReadRequest(std::string_view pem) {
  const BioPtr bio = ReadFrom(pem);
  const RequestPtr request(
      bio == nullptr ? nullptr : PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  if (request == nullptr)
    return OpenSslError(Code::kInvalidArgument, "csr_pem: not a certificate request");
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  if (key == nullptr || X509_REQ_verify(request.get(), key) != 1) {
    return OpenSslError(Code::kInvalidArgument,
                        "csr_pem: the request does not prove possession of its key");
  }
  return PublicKey::FromDer(DerOf<EVP_PKEY>(i2d_PUBKEY, key));
}

}  // namespace twinseal::crypto
