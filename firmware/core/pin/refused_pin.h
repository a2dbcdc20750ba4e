// Remembers, across restarts, a PIN that the token refused, without being able to tell it.
#pragma once

#include <filesystem>
#include <string>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::core {

// A file with a salted scrypt fingerprint (RFC 7914) of the PIN for one token. Guessing the PIN
// from it costs 32 MiB and about 0.1 s a guess; whoever has the file has the core's folder and
// could as well ask the token. One thread at a time.
class RefusedPinFile {
 public:
  // `folder` belongs to the core and exists. `token` names the token as it is configured.
  RefusedPinFile(const std::filesystem::path& folder, std::string token);

  // Whether this is the PIN that was refused. Takes about 0.1 s when there is a file, and nothing
  // when there is none.
  Result<bool> Holds(const Secret& pin) const;

  // On disk (synced) when it returns. Replaces what was remembered.
  Status Remember(const Secret& pin);
  Status Forget();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::string token_;
};

}  // namespace twinseal::core
