#include "agent/cli/identity.h"

#include <memory>

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include "agent/cli/text.h"
#include "common/base/secret.h"

namespace twinseal::cli {
namespace {

constexpr std::size_t kMaxPemBytes = 64 * 1024;

struct Free {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(X509_REQ* request) const { X509_REQ_free(request); }
  void operator()(BIO* bio) const { BIO_free_all(bio); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

Error OpenSslError(std::string_view what) {
  return Error(Code::kInternal, fmt::format("{}; OpenSSL refused", what));
}

BytesView ContentOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return AsBytes({data, size > 0 ? static_cast<std::size_t>(size) : 0});
}

}  // namespace

Result<IdentityFiles> IdentityFiles::Create(const std::string& folder, const std::string& stem,
                                            bool with_key) {
  TWINSEAL_RETURN_IF_ERROR(EnsureFolder(folder));
  const std::string base = folder.ends_with('/') ? folder : folder + "/";
  std::optional<NewPrivateFile> key;
  if (with_key) {
    TWINSEAL_ASSIGN_OR_RETURN(NewPrivateFile made, NewPrivateFile::Create(base + stem + ".key"));
    key.emplace(std::move(made));
  }
  TWINSEAL_ASSIGN_OR_RETURN(NewPrivateFile certificate,
                            NewPrivateFile::Create(base + stem + ".pem"));
  return IdentityFiles(std::move(key), std::move(certificate), base + "ca.pem");
}

Result<std::string> IdentityFiles::MakeKey(const std::string& common_name) {
  const Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
  const Owned<BIO> key_pem(BIO_new(BIO_s_secmem()));
  if (!key || !key_pem ||
      PEM_write_bio_PKCS8PrivateKey(key_pem.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                    nullptr) != 1) {
    return OpenSslError("a key could not be made");
  }
  TWINSEAL_RETURN_IF_ERROR(key_->Write(ContentOf(key_pem.get())));

  const Owned<X509_REQ> request(X509_REQ_new());
  const Owned<BIO> request_pem(BIO_new(BIO_s_mem()));
  if (!request || !request_pem || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
      X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1 ||
      X509_REQ_set_pubkey(request.get(), key.get()) != 1 ||
      X509_REQ_sign(request.get(), key.get(), EVP_sha256()) <= 0 ||
      PEM_write_bio_X509_REQ(request_pem.get(), request.get()) != 1) {
    return OpenSslError("a certificate request could not be made");
  }
  return ToString(ContentOf(request_pem.get()));
}

Status IdentityFiles::Write(const std::string& certificate_pem, const std::string& ca_pem) {
  struct stat status {};
  if (stat(ca_path_.c_str(), &status) == 0) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes there, ReadFile(ca_path_, kMaxPemBytes));
    if (ToString(there) != ca_pem) {
      return Error(
          Code::kFailedPrecondition,
          fmt::format(
              "{} holds another CA's certificate and is left as it is; choose another folder",
              Printable(ca_path_)));
    }
  } else {
    TWINSEAL_ASSIGN_OR_RETURN(NewPrivateFile ca, NewPrivateFile::Create(ca_path_));
    TWINSEAL_RETURN_IF_ERROR(ca.Write(AsBytes(ca_pem)));
    ca.Keep();
  }
  TWINSEAL_RETURN_IF_ERROR(certificate_.Write(AsBytes(certificate_pem)));
  certificate_.Keep();
  if (key_) key_->Keep();
  return Ok();
}

}  // namespace twinseal::cli
