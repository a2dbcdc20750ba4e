#include "firmware/core/pin/pin_record.h"

#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace twinseal::core {
namespace {

constexpr std::string_view kTriedName = "tried-pin";
constexpr std::string_view kRefusedName = "refused-pin";
// A file: this line, then salt and fingerprint in hexadecimal, a line each.
constexpr std::string_view kHeader = "twinseal refused pin, scrypt 32768 8 1\n";
constexpr std::uint64_t kScryptN = 32768;
constexpr std::uint64_t kScryptR = 8;
constexpr std::uint64_t kScryptP = 1;
// 128 * N * r bytes (RFC 7914 §5) and a little.
constexpr std::uint64_t kScryptMemory = std::uint64_t{40} << 20;
constexpr std::size_t kSaltBytes = 16;
constexpr std::size_t kFingerprintBytes = 32;
constexpr std::size_t kFileBytes = kHeader.size() + 2 * kSaltBytes + 1 + 2 * kFingerprintBytes + 1;

Result<Bytes> Fingerprint(const Secret& pin, BytesView salt, std::string_view token) {
  Bytes salted(salt.begin(), salt.end());
  salted.insert(salted.end(), token.begin(), token.end());
  Bytes fingerprint(kFingerprintBytes);
  const std::string_view text = AsText(pin.Reveal(SecretAccess()));
  if (EVP_PBE_scrypt(text.data(), text.size(), salted.data(), salted.size(), kScryptN, kScryptR,
                     kScryptP, kScryptMemory, fingerprint.data(), fingerprint.size()) != 1) {
    return Error(Code::kInternal, "the fingerprint of a PIN could not be computed", "scrypt");
  }
  return fingerprint;
}

Error FileError(std::string_view doing, const std::filesystem::path& path) {
  const int error = errno;
  return Error(error == ENOSPC || error == EDQUOT ? Code::kResourceExhausted : Code::kUnavailable,
               fmt::format("{} {}: {}", doing, path.string(), std::strerror(error)));
}

Status WriteAll(int fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t count = write(fd, text.data(), text.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return FileError("writing", path);
    }
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return Ok();
}

}  // namespace

PinRecord::PinRecord(const std::filesystem::path& folder, std::string token)
    : tried_(folder / kTriedName), refused_(folder / kRefusedName), token_(std::move(token)) {}

Result<PinRecord::Mark> PinRecord::Find(const Secret& pin) const {
  TWINSEAL_ASSIGN_OR_RETURN(const bool refused, Holds(refused_, pin));
  if (refused) return Mark::kRefused;
  TWINSEAL_ASSIGN_OR_RETURN(const bool tried, Holds(tried_, pin));
  return tried ? Mark::kTried : Mark::kNone;
}

Result<bool> PinRecord::Holds(const std::filesystem::path& path, const Secret& pin) const {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!file.valid()) {
    if (errno == ENOENT) return false;
    return FileError("opening", path);
  }
  std::string text(kFileBytes + 1, '\0');
  const ssize_t count = pread(file.get(), text.data(), text.size(), 0);
  if (count < 0) return FileError("reading", path);
  text.resize(static_cast<std::size_t>(count));
  const std::string_view view(text);
  const auto damaged = [&path] {
    // Trying the PIN in spite of it might be the try that locks the token.
    return Error(Code::kDataLoss,
                 fmt::format("{} is damaged, so it is not known which PIN the HSM refused; remove "
                             "the file when the PIN is surely right",
                             path.string()));
  };
  if (view.size() != kFileBytes || !view.starts_with(kHeader)) return damaged();
  const Result<Bytes> salt = HexDecode(view.substr(kHeader.size(), 2 * kSaltBytes));
  const Result<Bytes> expected =
      HexDecode(view.substr(kHeader.size() + 2 * kSaltBytes + 1, 2 * kFingerprintBytes));
  if (!salt.ok() || !expected.ok()) return damaged();
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes actual, Fingerprint(pin, *salt, token_));
  return CRYPTO_memcmp(actual.data(), expected->data(), kFingerprintBytes) == 0;
}

Status PinRecord::Try(const Secret& pin) {
  Bytes salt(kSaltBytes);
  if (RAND_bytes(salt.data(), static_cast<int>(salt.size())) != 1) {
    return Error(Code::kInternal, "the random generator gave no salt", "RAND_bytes");
  }
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes fingerprint, Fingerprint(pin, salt, token_));
  // Written beside it and renamed, so that a crash leaves the old file or the new one.
  std::filesystem::path fresh = tried_;
  fresh += ".new";
  const UniqueFd file(
      open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return FileError("creating", fresh);
  TWINSEAL_RETURN_IF_ERROR(
      WriteAll(file.get(),
               fmt::format("{}{}\n{}\n", kHeader, HexEncode(salt), HexEncode(fingerprint)), fresh));
  if (fdatasync(file.get()) != 0) return FileError("syncing", fresh);
  if (rename(fresh.c_str(), tried_.c_str()) != 0) return FileError("renaming", fresh);
  return SyncFolder();
}

Status PinRecord::Refuse() {
  if (rename(tried_.c_str(), refused_.c_str()) != 0) return FileError("renaming", tried_);
  return SyncFolder();
}

Status PinRecord::Forget() {
  for (const std::filesystem::path& path : {tried_, refused_}) {
    if (unlink(path.c_str()) != 0 && errno != ENOENT) return FileError("removing", path);
  }
  return Ok();
}

Status PinRecord::SyncFolder() const {
  const std::filesystem::path path = tried_.parent_path();
  const UniqueFd folder(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || fsync(folder.get()) != 0) return FileError("syncing", path);
  return Ok();
}

}  // namespace twinseal::core
