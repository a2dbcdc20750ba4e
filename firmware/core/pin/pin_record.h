// Remembers, across restarts, a PIN that the token refused, without being able to tell it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/base/result.h"
#include "common/base/secret.h"

namespace twinseal::core {

// Files with a salted scrypt fingerprint (RFC 7914) of the PIN for one token. Guessing the PIN from
// one costs 32 MiB and about 0.1 s a guess; whoever has the file has the core's folder and could as
// well ask the token. A PIN is written down before it is tried, so neither a full disk nor the end
// of the process in the middle of a login makes one forgotten. One thread at a time.
class PinRecord {
 public:
  enum class Mark : std::uint8_t {
    kNone,
    kTried,  // A login with it was begun; what came of it is not known.
    kRefused,
  };

  // `folder` belongs to the core and exists. `token` names the token as it is configured.
  PinRecord(const std::filesystem::path& folder, std::string token);

  // What is known of this PIN. Takes about 0.1 s for each file there is, and nothing when there is
  // none. data_loss when a file is damaged.
  Result<Mark> Find(const Secret& pin) const;

  // Marks it kTried, in place of what was tried before. On disk (synced) when it returns.
  Status Try(const Secret& pin);
  // Marks kRefused what is kTried, as surely, and needs no room on the disk for it.
  Status Refuse();
  // Leaves no mark.
  Status Forget();

  // Where the refused PIN is remembered.
  const std::filesystem::path& path() const { return refused_; }

 private:
  Result<bool> Holds(const std::filesystem::path& file, const Secret& pin) const;
  Status SyncFolder() const;

  std::filesystem::path tried_;
  std::filesystem::path refused_;
  std::string token_;
};

}  // namespace twinseal::core
