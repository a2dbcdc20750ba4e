// One site's archive of what has passed through the ledger's journal: one SQLite file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "firmware/journal/layout.h"

namespace twinseal::journal {

struct ArchiveOptions {
  // For tests of a full disk: the file's largest size in pages of 4 KiB. 0: no limit.
  std::uint32_t max_pages = 0;
};

// Every entry whose position is above the one asked for, up to and with `through`, in order.
struct ArchivePage {
  std::vector<Entry> entries;
  Position through{};
};

// Thread-safe; every call may wait for the disk. Entries stay as they were written.
class Archive {
 public:
  static constexpr std::size_t kMaxPageEntries = 1000;

  // Opens or makes the file. Errors as sqlite::Open().
  static Result<std::unique_ptr<Archive>> Open(const std::filesystem::path& path,
                                               ArchiveOptions options = {});
  virtual ~Archive() = default;

  // Writes the entries, and that the archive has everything up to `through` (0: that stays as it
  // is), in one synced commit. What it has already stays where it is; data_loss when that is not
  // the same, and nothing is written. resource_exhausted when the disk is full.
  virtual Status Add(const std::vector<Entry>& entries, Position through = {}) = 0;

  // By its name; nothing when the archive does not have it.
  virtual Result<std::optional<Entry>> Find(std::string_view name) = 0;
  // All whose names begin with `prefix`, in the order of their positions.
  virtual Result<std::vector<Entry>> FindUnder(std::string_view prefix) = 0;
  // The groups that there are under a prefix, in byte order, at most `limit` of those behind
  // `after`
  // ("": from the first on).
  virtual Result<std::vector<std::string>> GroupsUnder(std::string_view prefix,
                                                       std::string_view after,
                                                       std::size_t limit) = 0;
  // A page ends when it reaches 1 MiB or kMaxPageEntries, and makes progress; one that ends where
  // it began is the last. So another site reads the whole archive, and later what is new.
  virtual Result<ArchivePage> Read(Position after) = 0;

  // Up to here it has every entry that there ever was; beyond, it may have some.
  virtual Position through() const = 0;
  virtual std::uint64_t entries() const = 0;
};

}  // namespace twinseal::journal
