#include "common/crypto/x509.h"

#include <array>
#include <climits>
#include <ctime>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/crypto/digest.h"
#include "common/crypto/openssl_error.h"
#include "common/crypto/x509_names.h"

namespace twinseal::crypto {
namespace {

Result<UnixTime> ReadTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) {
    return OpensslError(Code::kInvalidArgument, "the certificate has a malformed time");
  }
  return UnixTime(std::chrono::seconds(timegm(&parts)));
}

Result<std::string> ReadSerial(const X509* certificate) {
  const OpensslPtr<BIGNUM, BN_free> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (number == nullptr)
    return OpensslError(Code::kInvalidArgument, "the certificate has a malformed serial number");
  Bytes bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), bytes.data());
  std::string hex = bytes.empty() ? "00" : HexEncode(bytes);
  for (char& digit : hex)
    digit = static_cast<char>(std::toupper(static_cast<unsigned char>(digit)));
  return hex;
}

std::string_view Text(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string AddressText(std::string_view octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = octets.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  if (octets.size() != sizeof(in_addr) && octets.size() != sizeof(in6_addr)) return {};
  if (inet_ntop(family, octets.data(), text.data(), static_cast<socklen_t>(text.size())) == nullptr)
    return {};
  return text.data();
}

}  // namespace

struct Certificate::Fields {
  X509Ptr certificate;
  Bytes der;
  std::string subject;
  std::string issuer;
  std::string serial;
  UnixTime not_before;
  UnixTime not_after;
  std::vector<std::string> uris;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;

  Status ReadAlternativeNames() {
    int position = -1;
    const GeneralNamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, &position, nullptr)));
    if (names == nullptr) {
      if (position == -1) return Ok();  // There is none; anything else is malformed or there twice.
      return OpensslError(Code::kInvalidArgument,
                          "the certificate's alternative names are malformed");
    }
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
      int kind = 0;
      const void* const value = GENERAL_NAME_get0_value(name, &kind);
      const std::string_view text = kind == GEN_URI || kind == GEN_DNS || kind == GEN_IPADD
                                        ? Text(static_cast<const ASN1_STRING*>(value))
                                        : "";
      if (kind == GEN_URI) uris.emplace_back(text);
      if (kind == GEN_DNS) dns_names.emplace_back(text);
      if (kind == GEN_IPADD) ip_addresses.push_back(AddressText(text));
    }
    return Ok();
  }
};

Result<Certificate> Certificate::FromNative(X509* certificate) {
  if (certificate == nullptr || X509_up_ref(certificate) != 1) {
    return OpensslError(Code::kInternal, "sharing a certificate");
  }
  auto fields = std::make_shared<Fields>();
  fields->certificate.reset(certificate);
  unsigned char* encoded = nullptr;
  const int size = i2d_X509(certificate, &encoded);
  if (size <= 0) return OpensslError(Code::kInvalidArgument, "the certificate cannot be encoded");
  fields->der.assign(encoded, encoded + size);
  OPENSSL_free(encoded);
  fields->subject = NameText(X509_get_subject_name(certificate));
  fields->issuer = NameText(X509_get_issuer_name(certificate));
  TWINSEAL_ASSIGN_OR_RETURN(fields->serial, ReadSerial(certificate));
  TWINSEAL_ASSIGN_OR_RETURN(fields->not_before, ReadTime(X509_get0_notBefore(certificate)));
  TWINSEAL_ASSIGN_OR_RETURN(fields->not_after, ReadTime(X509_get0_notAfter(certificate)));
  TWINSEAL_RETURN_IF_ERROR(fields->ReadAlternativeNames());
  return Certificate(std::move(fields));
}

Result<Certificate> Certificate::FromDer(BytesView der) {
  const unsigned char* next = der.data();
  if (der.size() > LONG_MAX) return Error(Code::kInvalidArgument, "the certificate is too long");
  const X509Ptr certificate(d2i_X509(nullptr, &next, static_cast<long>(der.size())));
  if (certificate == nullptr) return OpensslError(Code::kInvalidArgument, "not a DER certificate");
  if (next != der.data() + der.size()) {
    return Error(Code::kInvalidArgument, "there are bytes behind the certificate");
  }
  return FromNative(certificate.get());
}

Result<Certificate> Certificate::FromPem(std::string_view pem) {
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<Certificate> all, ReadPemCertificates(pem));
  if (all.size() != 1) {
    return Error(Code::kInvalidArgument,
                 fmt::format("one certificate was expected; there are {}", all.size()));
  }
  return std::move(all.front());
}

const Bytes& Certificate::der() const { return fields_->der; }
const std::string& Certificate::subject() const { return fields_->subject; }
const std::string& Certificate::issuer() const { return fields_->issuer; }
const std::string& Certificate::serial() const { return fields_->serial; }
UnixTime Certificate::not_before() const { return fields_->not_before; }
UnixTime Certificate::not_after() const { return fields_->not_after; }
const std::vector<std::string>& Certificate::uris() const { return fields_->uris; }
const std::vector<std::string>& Certificate::dns_names() const { return fields_->dns_names; }
const std::vector<std::string>& Certificate::ip_addresses() const { return fields_->ip_addresses; }
X509* Certificate::native() const { return fields_->certificate.get(); }

std::string Certificate::Pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), native()) != 1) return {};
  return BioText(bio.get());
}

Bytes Certificate::SubjectPublicKeyInfo() const {
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(native()), &encoded);
  if (size <= 0) return {};
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return der;
}

Result<PublicKey> Certificate::ReadPublicKey() const {
  return PublicKey::FromDer(SubjectPublicKeyInfo());
}

std::string Certificate::Fingerprint() const { return HexEncode(Sha256(der())); }

bool Certificate::IsIssuedBy(const Certificate& issuer) const {
  const bool issued = X509_check_ca(issuer.native()) != 0 &&
                      X509_check_issued(issuer.native(), native()) == X509_V_OK &&
                      X509_verify(native(), X509_get0_pubkey(issuer.native())) == 1;
  ERR_clear_error();
  return issued;
}

Result<std::vector<Certificate>> ReadPemCertificates(std::string_view pem) {
  TWINSEAL_ASSIGN_OR_RETURN(const BioPtr bio, ReadBio(AsBytes(pem)));
  std::vector<Certificate> certificates;
  while (true) {
    const X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    TWINSEAL_ASSIGN_OR_RETURN(Certificate read, Certificate::FromNative(certificate.get()));
    certificates.push_back(std::move(read));
  }
  // The end of the file is told as an error too.
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (certificates.empty() || !ended)
    return OpensslError(Code::kInvalidArgument, "not a PEM certificate");
  ERR_clear_error();
  return certificates;
}

Status VerifyCertificate(const Certificate& leaf, const std::vector<Certificate>& trusted,
                         Purpose purpose, UnixTime when) {
  const X509StorePtr store(X509_STORE_new());
  const X509StoreContextPtr context(X509_STORE_CTX_new());
  if (store == nullptr || context == nullptr)
    return OpensslError(Code::kInternal, "verifying a certificate");
  for (const Certificate& anchor : trusted) {
    if (X509_STORE_add_cert(store.get(), anchor.native()) != 1) {
      return OpensslError(Code::kInternal, "verifying a certificate");
    }
  }
  if (X509_STORE_CTX_init(context.get(), store.get(), leaf.native(), nullptr) != 1 ||
      X509_STORE_CTX_set_purpose(context.get(), purpose == Purpose::kTlsClient
                                                    ? X509_PURPOSE_SSL_CLIENT
                                                    : X509_PURPOSE_SSL_SERVER) != 1) {
    return OpensslError(Code::kInternal, "verifying a certificate");
  }
  X509_STORE_CTX_set_time(context.get(), 0, static_cast<time_t>(when.time_since_epoch().count()));
  if (X509_verify_cert(context.get()) == 1) return Ok();
  const int reason = X509_STORE_CTX_get_error(context.get());
  ERR_clear_error();
  return Error(Code::kUnauthenticated,
               fmt::format("the certificate of {} is not accepted: {}", leaf.subject(),
                           X509_verify_cert_error_string(reason)));
}

}  // namespace twinseal::crypto
