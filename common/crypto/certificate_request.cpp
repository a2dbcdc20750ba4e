#include <climits>
#include <utility>

#include <openssl/pem.h>

#include "common/crypto/openssl_error.h"
#include "common/crypto/x509.h"
#include "common/crypto/x509_names.h"

namespace twinseal::crypto {

Result<CertificateRequest> CertificateRequest::FromNative(std::shared_ptr<X509_REQ> request) {
  EVP_PKEY* const key = X509_REQ_get0_pubkey(request.get());
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(request.get()), &encoded);
  if (key == nullptr || size <= 0) {
    return OpensslError(Code::kInvalidArgument,
                        "the certification request has no readable public key");
  }
  const Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  // Before the signature, so that the cost of checking it is bounded by the kinds of key that there
  // are.
  TWINSEAL_ASSIGN_OR_RETURN(PublicKey public_key, PublicKey::FromDer(der));
  if (X509_REQ_verify(request.get(), key) != 1) {
    return OpensslError(
        Code::kInvalidArgument,
        "the certification request's signature is not of the key in it, so its sender may not have "
        "the private key");
  }
  std::string subject = NameText(X509_REQ_get_subject_name(request.get()));
  return CertificateRequest(std::move(request), std::move(subject), std::move(public_key));
}

Result<CertificateRequest> CertificateRequest::FromDer(BytesView der) {
  if (der.size() > LONG_MAX)
    return Error(Code::kInvalidArgument, "the certification request is too long");
  const unsigned char* next = der.data();
  std::shared_ptr<X509_REQ> request(d2i_X509_REQ(nullptr, &next, static_cast<long>(der.size())),
                                    X509_REQ_free);
  if (request == nullptr)
    return OpensslError(Code::kInvalidArgument, "not a DER certification request");
  if (next != der.data() + der.size()) {
    return Error(Code::kInvalidArgument, "there are bytes behind the certification request");
  }
  return FromNative(std::move(request));
}

Result<CertificateRequest> CertificateRequest::FromPem(std::string_view pem) {
  TWINSEAL_ASSIGN_OR_RETURN(const BioPtr bio, ReadBio(AsBytes(pem)));
  std::shared_ptr<X509_REQ> request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr),
                                    X509_REQ_free);
  if (request == nullptr)
    return OpensslError(Code::kInvalidArgument, "not a PEM certification request");
  return FromNative(std::move(request));
}

Result<CertificateRequest> CertificateRequest::Make(const SoftwareKey& key,
                                                    const DistinguishedName& subject) {
  TWINSEAL_ASSIGN_OR_RETURN(const X509NamePtr name, EncodeName(subject));
  std::shared_ptr<X509_REQ> request(X509_REQ_new(), X509_REQ_free);
  if (request == nullptr || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_REQ_set_subject_name(request.get(), name.get()) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.native()) != 1 ||
      X509_REQ_sign(request.get(), key.native(), EVP_sha256()) <= 0) {
    return OpensslError(Code::kInternal, "making a certification request");
  }
  return FromNative(std::move(request));
}

std::string CertificateRequest::Pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509_REQ(bio.get(), request_.get()) != 1) return {};
  return BioText(bio.get());
}

}  // namespace twinseal::crypto
