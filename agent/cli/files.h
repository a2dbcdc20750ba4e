// Files that the user names. Every error names the file and what is wrong with it.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/unique_fd.h"

namespace twinseal::cli {

// "No such file or directory", as strerror says it; thread-safe.
std::string SystemMessage(int error_number);

// A directory is refused.
Result<UniqueFd> OpenForReading(const std::string& path);

// Reads what is left of `descriptor`; out_of_range when that is more than `limit` bytes. `name` is
// for the error.
Result<Bytes> ReadAll(int descriptor, std::size_t limit, const std::string& name);

// What a file of certificates or of a key may have, in bytes: a long chain has some ten thousand.
inline constexpr std::size_t kMaxPemBytes = 262'144;

Result<Bytes> ReadFile(const std::string& path, std::size_t limit);

// A regular file is replaced as a whole, or not at all when something fails; a device or pipe is
// written to.
Status WriteFile(const std::string& path, BytesView content);

// A file that did not exist before, with mode 0600. Unless Keep() is called it goes away with the
// object, so that a command that fails half-way leaves nothing behind. Move-only; one thread.
class NewPrivateFile {
 public:
  // already_exists when there is something of that name, a dangling link too; it stays as it is.
  static Result<NewPrivateFile> Create(std::string path);
  ~NewPrivateFile();
  NewPrivateFile(NewPrivateFile&& other) noexcept;
  NewPrivateFile& operator=(NewPrivateFile&&) = delete;

  const std::string& path() const { return path_; }

  // Writes and syncs. Once.
  Status Write(BytesView content);
  void Keep() { kept_ = true; }

 private:
  NewPrivateFile(std::string path, UniqueFd descriptor)
      : path_(std::move(path)), descriptor_(std::move(descriptor)) {}

  std::string path_;
  UniqueFd descriptor_;
  bool kept_ = false;
};

// Makes the folder with mode 0700 unless it is there; not its parents.
Status EnsureFolder(const std::string& path);

}  // namespace twinseal::cli
