// A client's key pair and the files that hold a client's identity.
#pragma once

#include <optional>
#include <string>

#include "agent/cli/files.h"
#include "common/base/result.h"

namespace twinseal::cli {

// The three files of a client: its private key, its certificate, and the CA that both sides trust.
// All are made before the certificate is asked for, and go away again unless Write() went well: a
// refusal leaves nothing behind, and a certificate that was issued always has a place.
class IdentityFiles {
 public:
  // DIR/STEM.key (unless the key stays elsewhere: `with_key` false), DIR/STEM.pem and DIR/ca.pem,
  // all with mode 0600. The folder is made when it is not there. already_exists when one of them is
  // there, but for a ca.pem.
  static Result<IdentityFiles> Create(const std::string& folder, const std::string& stem,
                                      bool with_key);

  // Makes a P-256 key, writes it to its file, and gives a certificate request for it (PEM) with
  // `common_name`.
  Result<std::string> MakeKey(const std::string& common_name);

  // Writes both certificates and keeps all files. failed_precondition when there was a ca.pem of
  // another CA.
  Status Write(const std::string& certificate_pem, const std::string& ca_pem);

  std::string key_path() const { return key_ ? key_->path() : ""; }
  const std::string& certificate_path() const { return certificate_.path(); }
  const std::string& ca_path() const { return ca_path_; }

 private:
  IdentityFiles(std::optional<NewPrivateFile> key, NewPrivateFile certificate, std::string ca_path)
      : key_(std::move(key)), certificate_(std::move(certificate)), ca_path_(std::move(ca_path)) {}

  std::optional<NewPrivateFile> key_;
  NewPrivateFile certificate_;
  std::string ca_path_;
};

}  // namespace twinseal::cli
