#include "common/crypto/x509_names.h"

#include <climits>

#include <fmt/format.h>

#include "common/crypto/openssl_error.h"

namespace twinseal::crypto {

Result<X509NamePtr> EncodeName(const DistinguishedName& name) {
  X509NamePtr encoded(X509_NAME_new());
  if (encoded == nullptr) return OpensslError(Code::kInternal, "making a name");
  for (const NameAttribute& attribute : name) {
    if (attribute.value.empty() || attribute.value.find('\0') != std::string::npos ||
        attribute.value.size() > INT_MAX ||
        X509_NAME_add_entry_by_txt(encoded.get(), attribute.type.c_str(), MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(attribute.value.data()),
                                   static_cast<int>(attribute.value.size()), -1, 0) != 1) {
      constexpr std::size_t kShown = 16;
      return OpensslError(
          Code::kInvalidArgument,
          fmt::format("the attribute {} cannot stand in a name", attribute.type.substr(0, kShown)));
    }
  }
  return encoded;
}

std::string NameText(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  // Without ASN1_STRFLGS_ESC_MSB, so that UTF-8 stays as it is.
  constexpr unsigned long kFlags =
      XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB);
  if (bio == nullptr || X509_NAME_print_ex(bio.get(), name, 0, kFlags) < 0) return {};
  return BioText(bio.get());
}

Result<BioPtr> ReadBio(BytesView bytes) {
  if (bytes.size() > INT_MAX) return Error(Code::kInvalidArgument, "the input is too long");
  BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
  if (bio == nullptr) return OpensslError(Code::kInternal, "reading from memory");
  return bio;
}

std::string BioText(BIO* bio) {
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return size <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

}  // namespace twinseal::crypto
