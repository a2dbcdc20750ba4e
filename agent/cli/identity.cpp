#include "agent/cli/identity.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include "agent/cli/text.h"
#include "common/base/secret.h"
#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"

namespace twinseal::cli {

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
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey key, crypto::SoftwareKey::Generate());
  TWINSEAL_ASSIGN_OR_RETURN(const Secret pem, key.Pem());
  TWINSEAL_RETURN_IF_ERROR(key_->Write(pem.Reveal(SecretAccess())));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::CertificateRequest request,
                            crypto::CertificateRequest::Make(key, {{"CN", common_name}}));
  return request.Pem();
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
