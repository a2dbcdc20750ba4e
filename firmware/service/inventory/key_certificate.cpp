#include "firmware/service/inventory/key_certificate.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace twinseal::service {
namespace {

using crypto::Certificate;
using Ders = google::protobuf::RepeatedPtrField<std::string>;

Error Refused(std::string why) {
  return Error(Code::kInvalidArgument, "certificates_der: " + std::move(why));
}

// For a message: the names of a stranger's certificate may be long.
std::string SubjectOf(const Certificate& certificate) {
  constexpr std::size_t kLongest = 128;
  const std::string& subject = certificate.subject();
  return subject.size() <= kLongest ? subject : subject.substr(0, kLongest) + "...";
}

Result<std::vector<Certificate>> ReadAll(const Ders& ders) {
  if (ders.empty()) return Refused("there is no certificate");
  if (ders.size() > kMaxCertificates)
    return Refused(
        fmt::format("{} certificates are the most, not {}", kMaxCertificates, ders.size()));
  std::size_t bytes = 0;
  std::vector<Certificate> all;
  for (const std::string& der : ders) {
    bytes += der.size();
    if (bytes > kMaxCertificatesBytes)
      return Refused(fmt::format("they have more than {} KiB", kMaxCertificatesBytes / 1024));
    Result<Certificate> read = Certificate::FromDer(AsBytes(der));
    if (!read.ok()) return Refused(read.error().message());
    const bool twice = std::ranges::any_of(
        all, [&](const Certificate& other) { return other.der() == read->der(); });
    if (!twice) all.push_back(*std::move(read));
  }
  return all;
}

// 0 when it is no version's.
std::uint32_t VersionOf(const v1::Key& key, const Certificate& certificate) {
  const Bytes public_key = certificate.SubjectPublicKeyInfo();
  for (const v1::KeyVersionInfo& version : key.versions()) {
    if (version.public_key_der() == AsText(public_key)) return version.version();
  }
  return 0;
}

}  // namespace

Result<KeyCertificate> ReadKeyCertificate(const v1::Key& key, const Ders& certificates_der) {
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<Certificate> others, ReadAll(certificates_der));
  const auto is_the_keys = [&](const Certificate& one) { return VersionOf(key, one) != 0; };
  const auto found = std::ranges::find_if(others, is_the_keys);
  if (found == others.end()) {
    return Refused(
        fmt::format("none is for the key '{0}', whose public key `twinseal key public {0}` prints",
                    key.name()));
  }
  KeyCertificate read{*found, VersionOf(key, *found), {}};
  others.erase(found);
  if (std::ranges::any_of(others, is_the_keys))
    return Refused(fmt::format("several are for the key '{}'; import them one by one", key.name()));
  while (!others.empty()) {
    const Certificate& last = read.issuers.empty() ? read.certificate : read.issuers.back();
    const auto issuer =
        std::ranges::find_if(others, [&](const Certificate& one) { return last.IsIssuedBy(one); });
    if (issuer == others.end()) {
      return Refused(fmt::format("that of {} is not the issuer of that of {}",
                                 SubjectOf(others.front()), SubjectOf(last)));
    }
    read.issuers.push_back(*issuer);
    others.erase(issuer);
  }
  return read;
}

}  // namespace twinseal::service
