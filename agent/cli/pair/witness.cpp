#include "agent/cli/pair/witness.h"

#include <algorithm>

#include <fmt/format.h>

#include "agent/cli/files.h"
#include "agent/cli/private_file.h"
#include "agent/cli/text.h"
#include "common/base/secret.h"
#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"

namespace twinseal::cli {
namespace {

constexpr std::size_t kMaxStateBytes = std::size_t{1} << 20U;
constexpr const char* kKeyFile = "agent.key";
constexpr const char* kCertificateFile = "agent.pem";
constexpr const char* kCaFile = "ca.pem";
constexpr const char* kStateFile = "state";

Result<crypto::SoftwareKey> ReadKey(const std::string& path) {
  TWINSEAL_ASSIGN_OR_RETURN(Bytes content, ReadFile(path, kMaxPemBytes));
  const Secret pem(content);
  Scrub(content);
  Result<crypto::SoftwareKey> key = crypto::SoftwareKey::FromPem(pem);
  if (!key.ok()) return key.error().Within(Printable(path));
  return key;
}

Result<crypto::SoftwareKey> MakeKey(const std::string& path) {
  TWINSEAL_ASSIGN_OR_RETURN(crypto::SoftwareKey key, crypto::SoftwareKey::Generate());
  TWINSEAL_ASSIGN_OR_RETURN(const Secret pem, key.Pem());
  TWINSEAL_RETURN_IF_ERROR(WritePrivateFile(path, pem.Reveal(SecretAccess())));
  return key;
}

}  // namespace

bool WitnessFiles::complete() const {
  return std::ranges::all_of(
      std::initializer_list<const char*>{kKeyFile, kCertificateFile, kCaFile, kStateFile},
      [this](const char* name) { return FileExists(Path(name)); });
}

Result<std::string> WitnessFiles::RequestCertificate() const {
  const std::string path = Path(kKeyFile);
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::SoftwareKey key,
                            FileExists(path) ? ReadKey(path) : MakeKey(path));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::CertificateRequest request,
                            crypto::CertificateRequest::Make(key, {{"CN", settings_.name}}));
  return request.Pem();
}

Status WitnessFiles::WriteCertificate(const std::string& certificate_pem,
                                      const std::string& ca_pem) const {
  TWINSEAL_RETURN_IF_ERROR(WritePrivateFile(Path(kCaFile), AsBytes(ca_pem)));
  return WritePrivateFile(Path(kCertificateFile), AsBytes(certificate_pem));
}

Result<v1::WitnessState> WitnessFiles::ReadState() const {
  v1::WitnessState state;
  if (!FileExists(Path(kStateFile))) return state;
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes content, ReadFile(Path(kStateFile), kMaxStateBytes));
  if (!state.ParseFromArray(content.data(), static_cast<int>(content.size()))) {
    return Error(Code::kDataLoss,
                 fmt::format("{} cannot be read; when this agent belongs to no other pair, remove "
                             "it",
                             Printable(Path(kStateFile))));
  }
  return state;
}

Status WitnessFiles::CheckDomain(const std::string& domain_id) const {
  TWINSEAL_ASSIGN_OR_RETURN(const v1::WitnessState state, ReadState());
  const std::string& there = state.config().domain_id();
  if (there.empty() || there == domain_id) return Ok();
  return Error(Code::kFailedPrecondition,
               fmt::format("this agent is the witness of another pair; use another data_dir than "
                           "{}",
                           Printable(settings_.data_dir)));
}

Status WitnessFiles::WriteState(const v1::PairConfig& config, const std::string& operator_ca_pem,
                                const std::string& ledger_ca_pem) const {
  TWINSEAL_RETURN_IF_ERROR(CheckDomain(config.domain_id()));
  TWINSEAL_ASSIGN_OR_RETURN(v1::WitnessState state, ReadState());
  const std::string before = state.SerializeAsString();
  *state.mutable_config() = config;
  state.set_operator_ca_pem(operator_ca_pem);
  state.set_ledger_ca_pem(ledger_ca_pem);
  state.set_name(settings_.name);
  const std::string after = state.SerializeAsString();
  if (after == before) return Ok();
  return WritePrivateFile(Path(kStateFile), AsBytes(after));
}

Status WitnessFiles::Remove() const {
  for (const char* name : {kStateFile, kCertificateFile, kKeyFile, kCaFile}) {
    TWINSEAL_RETURN_IF_ERROR(RemoveFile(Path(name)));
  }
  return Ok();
}

}  // namespace twinseal::cli
