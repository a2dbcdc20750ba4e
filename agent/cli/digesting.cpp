#include "agent/cli/digesting.h"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cli/files.h"
#include "agent/cli/progress.h"
#include "agent/cli/text.h"
#include "common/base/unique_fd.h"
#include "common/crypto/digest.h"

namespace twinseal::cli {
namespace {

// A page cache's readahead is 128 KiB; twice that keeps the disk busy while the digest works.
constexpr std::size_t kBufferBytes = std::size_t{256} * 1024;

std::optional<std::uint64_t> SizeOf(int descriptor) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size);
}

// One hash that several schemes share.
struct Running {
  std::string_view hash;
  crypto::Hasher hasher;
};

Error TooLong(const std::string& name) {
  return Error(
      Code::kOutOfRange,
      fmt::format(
          "{} is longer than {} bytes, the most that ed25519 signs as it signs the message itself; "
          "sign a digest of it, or use a key of another algorithm",
          Printable(name), crypto::kMaxPureMessage));
}

}  // namespace

Result<SchemeInputs> DigestFor(const Surroundings& surroundings, const std::string& path,
                               const std::vector<v1::Scheme>& schemes) {
  const bool standard_input = path == "-";
  const std::string name = standard_input ? "the standard input" : path;
  UniqueFd opened;
  if (!standard_input) {
    TWINSEAL_ASSIGN_OR_RETURN(opened, OpenForReading(path));
    // Advice only: a file system that does not take it reads on as ever.
    (void)posix_fadvise(opened.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  }
  const int descriptor = standard_input ? surroundings.in : opened.get();

  std::vector<Running> running;
  std::optional<Bytes> message;
  for (const v1::Scheme scheme : schemes) {
    const crypto::SchemeInfo* info = crypto::Find(scheme);
    if (info == nullptr)
      return Error(Code::kInvalidArgument, "the scheme is not one that this program knows");
    if (info->digest_size == 0) {
      message.emplace();
    } else if (std::none_of(running.begin(), running.end(),
                            [&](const Running& other) { return other.hash == info->hash; })) {
      TWINSEAL_ASSIGN_OR_RETURN(crypto::Hasher hasher, crypto::Hasher::Create(info->hash));
      running.push_back({info->hash, std::move(hasher)});
    }
  }

  Progress progress(surroundings.err_is_terminal ? &surroundings.err : nullptr, name,
                    Progress::Unit::kBytes, SizeOf(descriptor));
  Bytes buffer(kBufferBytes);
  std::uint64_t done = 0;
  while (true) {
    const ssize_t got = read(descriptor, buffer.data(), buffer.size());
    if (got < 0) {
      if (errno == EINTR) continue;
      return Error(Code::kFailedPrecondition,
                   fmt::format("{} cannot be read: {}", Printable(name), SystemMessage(errno)));
    }
    if (got == 0) break;
    const BytesView piece(buffer.data(), static_cast<std::size_t>(got));
    for (Running& each : running) each.hasher.Update(piece);
    done += piece.size();
    if (message && done > crypto::kMaxPureMessage) {
      if (running.empty()) return TooLong(name);
      message.reset();
    }
    if (message) message->insert(message->end(), piece.begin(), piece.end());
    progress.Update(done);
  }

  std::map<std::string_view, Bytes> digests;
  for (Running& each : running) digests.emplace(each.hash, each.hasher.Finish());
  SchemeInputs inputs;
  for (const v1::Scheme scheme : schemes) {
    const crypto::SchemeInfo& info = *crypto::Find(scheme);
    if (info.digest_size != 0) {
      inputs.emplace(scheme, digests.at(info.hash));
    } else if (message) {
      inputs.emplace(scheme, *message);
    }
  }
  return inputs;
}

}  // namespace twinseal::cli
