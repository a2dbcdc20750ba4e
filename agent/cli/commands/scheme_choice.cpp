#include "agent/cli/commands/scheme_choice.h"

#include <algorithm>

#include <fmt/format.h>

#include "common/crypto/algorithms.h"

namespace twinseal::cli {
namespace {

Error UnknownAlgorithm() {
  return Error(Code::kUnimplemented,
               "the key's algorithm is not one that this program knows; update it");
}

}  // namespace

Result<v1::Scheme> SchemeToSign(Remote& remote, const std::string& key, v1::Scheme wanted) {
  if (wanted != v1::SCHEME_UNSPECIFIED) return wanted;
  v1::GetKeyRequest request;
  request.set_key(key);
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key found,
                            Call<v1::Key>(remote, "KeyService/GetKey", request));
  const crypto::AlgorithmInfo* const algorithm = crypto::Find(found.algorithm());
  if (algorithm == nullptr) return UnknownAlgorithm();
  const auto& allowed = found.policy().schemes();
  if (allowed.empty() ||
      std::find(allowed.begin(), allowed.end(), algorithm->usual_scheme) != allowed.end()) {
    return algorithm->usual_scheme;
  }
  return static_cast<v1::Scheme>(allowed.Get(0));
}

Result<std::vector<v1::Scheme>> SchemesToVerify(const v1::Key& key, v1::Scheme wanted) {
  const crypto::AlgorithmInfo* const algorithm = crypto::Find(key.algorithm());
  if (algorithm == nullptr) return UnknownAlgorithm();
  std::vector<v1::Scheme> schemes;
  for (const crypto::SchemeInfo& scheme : crypto::Schemes()) {
    const bool asked = wanted == v1::SCHEME_UNSPECIFIED || wanted == scheme.id;
    if (asked && crypto::Fits(scheme, *algorithm)) schemes.push_back(scheme.id);
  }
  if (schemes.empty()) {
    return Error(
        Code::kInvalidArgument,
        fmt::format("{} does not fit a key of {}; leave --scheme out to try each that does",
                    crypto::Name(wanted), algorithm->name));
  }
  return schemes;
}

}  // namespace twinseal::cli
