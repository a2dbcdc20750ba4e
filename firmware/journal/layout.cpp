#include "firmware/journal/layout.h"

#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "common/base/big_endian.h"

namespace twinseal::journal {
namespace {

// The first byte of an entry's value: its position is made of the commit's revision, or stands in
// the eight bytes behind, the highest first, as it was carried over from another ledger.
constexpr std::uint8_t kOfCommit = 0;
constexpr std::uint8_t kCarried = 1;
constexpr std::size_t kCarriedHead = 9;

// So that a page of the largest entries stays well below what a transaction may hold.
constexpr std::size_t kCarriedAtOnce = 16;
static_assert(kCarriedAtOnce * (kMaxContentBytes + kMaxNameBytes + 64) <
              ledger::kMaxTransactionBytes);

Error NoJournal(std::string_view path) {
  return Error(Code::kDataLoss, fmt::format("the ledger's {} is not what the journal wrote", path));
}

Bytes WriteCarried(const Entry& entry) {
  Bytes value;
  value.reserve(kCarriedHead + entry.content.size());
  value.push_back(kCarried);
  AppendBigEndian(value, Number(entry.position));
  value.insert(value.end(), entry.content.begin(), entry.content.end());
  return value;
}

Status CarryEntries(ledger::Ledger& from, Position base,
                    const std::function<Status(const ledger::Transaction&)>& write) {
  ledger::Range range = ledger::Range::Prefix(kEntryPrefix, kCarriedAtOnce);
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(const ledger::Listing page, from.List(range));
    ledger::Transaction batch;
    for (const ledger::Entry& held : page.entries) {
      TWINSEAL_ASSIGN_OR_RETURN(const Entry entry,
                                ReadEntry(held.key, held.value, held.created, base));
      batch.writes.push_back(ledger::Put{held.key, WriteCarried(entry)});
    }
    if (!batch.writes.empty()) TWINSEAL_RETURN_IF_ERROR(write(batch));
    if (!page.more || page.entries.empty()) return Ok();
    range.first = page.entries.back().key + '\0';
  }
}

}  // namespace

std::string EntryPath(std::string_view name) {
  return std::string(kEntryPrefix) + std::string(name);
}

std::string CopiedPath(std::string_view site) {
  return std::string(kCopiedPrefix) + std::string(site);
}

std::string GroupOf(std::string_view name, std::string_view prefix) {
  const std::string_view rest = name.substr(prefix.size());
  return std::string(rest.substr(0, rest.find('/')));
}

std::string BehindGroup(std::string_view prefix, std::string_view group) {
  constexpr char kBehindSlash = '/' + 1;
  return std::string(prefix) + std::string(group) + kBehindSlash;
}

Bytes WriteContent(BytesView content) {
  Bytes value;
  value.reserve(1 + content.size());
  value.push_back(kOfCommit);
  value.insert(value.end(), content.begin(), content.end());
  return value;
}

Result<Entry> ReadEntry(std::string_view path, BytesView value, ledger::Revision committed,
                        Position base) {
  if (!path.starts_with(kEntryPrefix) || value.empty()) return NoJournal(path);
  Entry entry;
  entry.name = path.substr(kEntryPrefix.size());
  if (value.front() == kOfCommit) {
    entry.position = Position{Number(base) + ledger::Number(committed)};
    entry.content.assign(value.begin() + 1, value.end());
    return entry;
  }
  if (value.front() != kCarried || value.size() < kCarriedHead) return NoJournal(path);
  entry.position = Position{ReadBigEndian<std::uint64_t>(value.subspan(1, kCarriedHead - 1))};
  entry.content.assign(value.begin() + kCarriedHead, value.end());
  return entry;
}

Bytes WritePosition(Position position) { return ToBytes(std::to_string(Number(position))); }

Result<Position> ParsePosition(std::string_view path, BytesView value) {
  const std::string_view text = AsText(value);
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return NoJournal(path);
  return Position{number};
}

Result<Position> ReadPosition(ledger::Ledger& ledger, std::string_view path) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> record, ledger.Get(path));
  if (!record) return Position{};
  return ParsePosition(path, record->value);
}

Status CarryOver(ledger::Ledger& from,
                 const std::function<Status(const ledger::Transaction&)>& write) {
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Revision counted, from.CurrentRevision());
  // Nothing was ever written there.
  if (counted == ledger::Revision{}) return Ok();
  TWINSEAL_ASSIGN_OR_RETURN(const Position base, ReadPosition(from, kBasePath));
  TWINSEAL_RETURN_IF_ERROR(CarryEntries(from, base, write));
  ledger::Transaction rest;
  TWINSEAL_ASSIGN_OR_RETURN(ledger::Listing copied,
                            from.List(ledger::Range::Prefix(kCopiedPrefix)));
  for (ledger::Entry& record : copied.entries) {
    rest.writes.push_back(ledger::Put{std::move(record.key), std::move(record.value)});
  }
  TWINSEAL_ASSIGN_OR_RETURN(const Position dropped, ReadPosition(from, kDroppedPath));
  rest.writes.push_back(ledger::Put{std::string(kDroppedPath), WritePosition(dropped)});
  rest.writes.push_back(ledger::Put{
      std::string(kBasePath), WritePosition(Position{Number(base) + ledger::Number(counted)})});
  return write(rest);
}

}  // namespace twinseal::journal
