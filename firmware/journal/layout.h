// Where the ledger has the journal, and what its entries are.
//
//   /journal/entry/<name>    an entry, until every site has copied it
//   /journal/copied/<site>   up to which position the site's archive has everything
//   /journal/dropped         up to which position entries may have been dropped
//   /journal/base            what is added to this ledger's revisions to make positions
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/ledger/ledger.h"

namespace twinseal::journal {

// Orders entries alike at every site and for ever, from 1; 0 is before the first. It is the
// revision of the commit that an entry came with, so each entry has its own, one that is committed
// later has a higher one, and there are gaps. It goes on rising when the ledger is moved into
// another: the base is raised by what the old one had counted.
enum class Position : std::uint64_t {};
constexpr std::uint64_t Number(Position position) { return static_cast<std::uint64_t>(position); }

struct Entry {
  std::string name;  // The writer's own: "certificate/<ca>/<serial>".
  Bytes content;
  Position position{};
};

// Certificates with what belongs to them have a few KiB. Small beside a transaction's 1.5 MiB, of
// which the rest is the writer's.
inline constexpr std::size_t kMaxContentBytes = std::size_t{64} * 1024;
inline constexpr std::size_t kMaxNameBytes = 512;

inline constexpr std::string_view kPrefix = "/journal/";
inline constexpr std::string_view kEntryPrefix = "/journal/entry/";
inline constexpr std::string_view kCopiedPrefix = "/journal/copied/";
inline constexpr std::string_view kDroppedPath = "/journal/dropped";
inline constexpr std::string_view kBasePath = "/journal/base";

std::string EntryPath(std::string_view name);
std::string CopiedPath(std::string_view site);

// Names may stand in groups: "inventory/<key id>/<request id>" in the group <key id> under the
// prefix "inventory/". The group of a name that begins with the prefix, and the first name behind a
// group.
std::string GroupOf(std::string_view name, std::string_view prefix);
std::string BehindGroup(std::string_view prefix, std::string_view group);

// As the ledger holds the content of an entry that was committed there.
Bytes WriteContent(BytesView content);
// data_loss for what is no entry. `base` is the ledger's.
Result<Entry> ReadEntry(std::string_view path, BytesView value, ledger::Revision committed,
                        Position base);

Bytes WritePosition(Position position);
// Of the record at that path: 0 when there is none; data_loss for what is no position.
Result<Position> ReadPosition(ledger::Ledger& ledger, std::string_view path);
Result<Position> ParsePosition(std::string_view path, BytesView value);

// Moves the journal into another ledger, through `write`; entries keep their positions. Nobody else
// may write to `from` meanwhile. May be repeated.
Status CarryOver(ledger::Ledger& from,
                 const std::function<Status(const ledger::Transaction&)>& write);

}  // namespace twinseal::journal
