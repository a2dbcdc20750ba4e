#include "agent/cli/commands/certificate_files.h"

#include <utility>

#include <fmt/format.h>

#include "agent/cli/files.h"
#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

using crypto::Certificate;

Result<std::vector<Certificate>> Read(BytesView content) {
  // DER begins with a SEQUENCE (X.690 §8.9), PEM with text.
  constexpr std::uint8_t kSequence = 0x30;
  if (content.empty() || content.front() != kSequence)
    return crypto::ReadPemCertificates(AsText(content));
  TWINSEAL_ASSIGN_OR_RETURN(Certificate one, Certificate::FromDer(content));
  return std::vector{std::move(one)};
}

}  // namespace

Result<std::vector<Certificate>> ReadCertificateFiles(const std::vector<std::string>& paths) {
  std::vector<Certificate> all;
  for (const std::string& path : paths) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes content, ReadFile(path, kMaxPemBytes));
    Result<std::vector<Certificate>> read = Read(content);
    if (!read.ok()) {
      return Error(Code::kInvalidArgument,
                   fmt::format("{} holds no certificate in PEM or DER", Printable(path)));
    }
    for (Certificate& one : *read) all.push_back(std::move(one));
  }
  return all;
}

Result<std::string> PemOf(const v1::Certificate& certificate, bool with_issuers) {
  TWINSEAL_ASSIGN_OR_RETURN(const Certificate own,
                            Certificate::FromDer(AsBytes(certificate.certificate_der())));
  std::string pem = own.Pem();
  if (!with_issuers) return pem;
  for (const std::string& der : certificate.issuers_der()) {
    TWINSEAL_ASSIGN_OR_RETURN(const Certificate issuer, Certificate::FromDer(AsBytes(der)));
    pem += issuer.Pem();
  }
  return pem;
}

}  // namespace twinseal::cli
