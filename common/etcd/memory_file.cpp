#include "common/etcd/memory_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>

namespace twinseal::etcd {
namespace {

Error NoMemory(int reason) {
  return Error(Code::kInternal,
               fmt::format("no memory for a certificate's file: {}", strerror(reason)));
}

}  // namespace

Result<MemoryFile> MemoryFile::Make(const char* name, const Secret& text) {
  UniqueFd fd(memfd_create(name, MFD_CLOEXEC));
  if (!fd.valid()) return NoMemory(errno);
  MemoryFile file(std::move(fd));
  TWINSEAL_RETURN_IF_ERROR(file.Replace(text));
  return file;
}

Status MemoryFile::Replace(const Secret& text) {
  Secret padded(std::max(text.size(), size_));
  const std::span<std::uint8_t> out = padded.Writable(SecretAccess());
  const BytesView in = text.Reveal(SecretAccess());
  std::copy(in.begin(), in.end(), out.begin());
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(in.size()), out.end(), '\n');
  const ssize_t written = pwrite(fd_.get(), out.data(), out.size(), 0);
  if (written != static_cast<ssize_t>(out.size())) return NoMemory(written < 0 ? errno : ENOSPC);
  size_ = out.size();
  return Ok();
}

}  // namespace twinseal::etcd
