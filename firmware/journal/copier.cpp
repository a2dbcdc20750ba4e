#include "firmware/journal/copier.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace twinseal::journal {
namespace {

// A page of the largest entries has 4 MiB.
constexpr std::size_t kReadAtOnce = 64;
// With a guard for each, and room for the sites' and the caller's.
constexpr std::size_t kDropAtOnce = 96;

Position After(Position base, ledger::Revision revision) {
  return Position{Number(base) + ledger::Number(revision)};
}

}  // namespace

Result<ledger::Revision> Copier::CopyAll() {
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(const ledger::Revision revision, CopyJournal());
    // An archive from an old copy: until it has caught up, nobody shall count on it.
    TWINSEAL_RETURN_IF_ERROR(Acknowledge());
    // Read after the journal. What the journal had at `revision` and this site did not see there
    // was dropped, and is not above this position.
    TWINSEAL_ASSIGN_OR_RETURN(const Position dropped, ReadPosition(ledger_, kDroppedPath));
    if (archive_.through() >= dropped) {
      TWINSEAL_RETURN_IF_ERROR(archive_.Add({}, After(base_, revision)));
      return revision;
    }
    TWINSEAL_RETURN_IF_ERROR(Fetch(dropped));
  }
}

// All pages, also when the archive cannot be written: what waits is to be counted.
Result<ledger::Revision> Copier::CopyJournal() {
  TWINSEAL_RETURN_IF_ERROR(ReadBase());
  std::vector<Waiting> waiting;
  std::optional<ledger::Revision> revision;
  Status copied = Ok();
  ledger::Range range = ledger::Range::Prefix(kEntryPrefix, kReadAtOnce);
  while (true) {
    TWINSEAL_ASSIGN_OR_RETURN(const ledger::Listing page, ledger_.List(range));
    if (!revision) revision = page.revision;
    std::vector<Entry> entries;
    for (const ledger::Entry& held : page.entries) {
      TWINSEAL_ASSIGN_OR_RETURN(Entry entry, ReadEntry(held.key, held.value, held.created, base_));
      waiting.push_back(
          {entry.name, entry.position, held.modified, held.key.size() + held.value.size()});
      entries.push_back(std::move(entry));
    }
    if (copied.ok()) copied = archive_.Add(entries);
    if (!page.more || page.entries.empty()) break;
    range.first = page.entries.back().key + '\0';
  }
  std::map<std::string, Mark> marks;
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Listing said,
                            ledger_.List(ledger::Range::Prefix(kCopiedPrefix)));
  for (const ledger::Entry& record : said.entries) {
    TWINSEAL_ASSIGN_OR_RETURN(const Position position, ParsePosition(record.key, record.value));
    marks[record.key.substr(kCopiedPrefix.size())] = {position, record.modified};
  }
  Mark dropped;
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> record, ledger_.Get(kDroppedPath));
  if (record) {
    TWINSEAL_ASSIGN_OR_RETURN(dropped.position, ParsePosition(record->key, record->value));
    dropped.modified = record->modified;
  }
  backlog_.Replace(std::move(waiting), std::move(marks), dropped);
  if (!copied.ok()) return copied.error();
  return *revision;
}

// Raises the base when the ledger was put back from an old copy: it would give out positions that
// entries in the archive have already.
Status Copier::ReadBase() {
  const std::string path(kBasePath);
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> record, ledger_.Get(path));
  Position base{};
  if (record) {
    TWINSEAL_ASSIGN_OR_RETURN(base, ParsePosition(path, record->value));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Revision now, ledger_.CurrentRevision());
  base_ = base;
  const Position through = archive_.through();
  if (through <= After(base, now)) return Ok();
  spdlog::warn(
      "the ledger has counted to position {} and the archive has everything up to {}: the ledger "
      "is an old copy; it goes on behind the archive",
      Number(After(base, now)), Number(through));
  ledger::Transaction transaction{options_.guards, {}};
  transaction.guards.push_back(ledger::AsRead(path, record));
  transaction.writes.push_back(ledger::Put{path, WritePosition(through)});
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger_.Commit(transaction));
  if (!outcome.committed) {
    return Error(Code::kUnavailable, "another site sets what positions count from; try again");
  }
  base_ = through;
  return Ok();
}

Status Copier::Fetch(Position until) {
  const Position had = archive_.through();
  std::string reasons;
  for (const std::shared_ptr<OtherArchive>& other : options_.others()) {
    const Status fetched = FetchFrom(*other, until);
    if (fetched.ok()) {
      spdlog::info("the archive has taken what it lacked from site {}'s: {} entries by now",
                   other->site(), archive_.entries());
      return Ok();
    }
    reasons += fmt::format("; site {}: {}", other->site(), fetched.error().message());
  }
  return Error(
      Code::kDataLoss,
      fmt::format("this site's archive is new or an old copy: it lacks what was issued between "
                  "positions {} and {}, which the ledger has no longer, and no other site's "
                  "archive gave it{}. Put back the newest copy of the archive, or bring back the "
                  "other sites",
                  Number(had), Number(until), reasons));
}

Status Copier::FetchFrom(OtherArchive& other, Position until) {
  while (archive_.through() < until) {
    const Position before = archive_.through();
    TWINSEAL_ASSIGN_OR_RETURN(const ArchivePage page, other.Read(before));
    if (page.through <= before) {
      return Error(Code::kFailedPrecondition,
                   fmt::format("its archive ends at position {}", Number(before)));
    }
    TWINSEAL_RETURN_IF_ERROR(archive_.Add(page.entries, page.through));
  }
  return Ok();
}

void Copier::Hear(const ledger::Change& change) {
  if (change.key.starts_with(kEntryPrefix)) {
    if (!change.value) return backlog_.Remove(change.key.substr(kEntryPrefix.size()));
    Result<Entry> entry = ReadEntry(change.key, *change.value, change.revision, base_);
    // Take() says what is wrong.
    if (!entry.ok()) return;
    backlog_.Add({std::move(entry->name), entry->position, change.revision,
                  change.key.size() + change.value->size()});
    return;
  }
  if (!change.value) return;
  const Result<Position> position = ParsePosition(change.key, *change.value);
  if (!position.ok()) return;
  const Mark mark = {*position, change.revision};
  if (change.key == kDroppedPath) backlog_.SetDropped(mark);
  if (change.key.starts_with(kCopiedPrefix)) {
    backlog_.SetCopied(change.key.substr(kCopiedPrefix.size()), mark);
  }
}

Status Copier::Take(const std::vector<ledger::Change>& changes) {
  std::vector<Entry> entries;
  std::set<std::string, std::less<>> brought;
  Position through{};
  for (const ledger::Change& change : changes) {
    if (!change.key.starts_with(kEntryPrefix)) continue;
    const std::string name = change.key.substr(kEntryPrefix.size());
    if (change.value) {
      // A commit brings one entry at the most, so with it everything up to its revision is known.
      through = After(base_, change.revision);
      TWINSEAL_ASSIGN_OR_RETURN(Entry entry,
                                ReadEntry(change.key, *change.value, change.revision, base_));
      entries.push_back(std::move(entry));
      brought.insert(name);
      continue;
    }
    if (brought.contains(name)) continue;
    TWINSEAL_ASSIGN_OR_RETURN(const std::optional<Entry> had, archive_.Find(name));
    if (!had) {
      return Error(Code::kOutOfRange,
                   fmt::format("{} was dropped before this site had copied it", name));
    }
  }
  return archive_.Add(entries, through);
}

Status Copier::Acknowledge() {
  const Position through = archive_.through();
  const Mark said = backlog_.copied(options_.site);
  if (said.position > through) {
    spdlog::warn(
        "the archive has everything up to position {} and had said {}: it is new, or an old copy",
        Number(through), Number(said.position));
  } else if (!backlog_.AnyBetween(said.position, through)) {
    return Ok();
  }
  ledger::Transaction transaction{options_.guards, {}};
  transaction.writes.push_back(ledger::Put{CopiedPath(options_.site), WritePosition(through)});
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger_.Commit(transaction));
  if (outcome.committed) backlog_.SetCopied(options_.site, {through, outcome.revision});
  return Ok();
}

Status Copier::Drop() {
  bool dropped = true;
  while (dropped) {
    const Backlog::Droppable droppable = backlog_.CopiedByAll(kDropAtOnce);
    if (droppable.entries.empty()) return Ok();
    TWINSEAL_RETURN_IF_ERROR(DropSome(droppable, dropped));
  }
  // Another site was first, or a site has lost its archive: the feed tells.
  return Ok();
}

Status Copier::DropSome(const Backlog::Droppable& droppable, bool& dropped) {
  ledger::Transaction transaction{options_.guards, {}};
  for (const auto& [site, mark] : droppable.by) {
    transaction.guards.push_back(ledger::UnchangedSince{CopiedPath(site), mark.modified});
  }
  const Mark before = backlog_.dropped();
  const std::string path(kDroppedPath);
  transaction.guards.push_back(ledger::AsRead(path, before.modified));
  for (const Waiting& entry : droppable.entries) {
    transaction.guards.push_back(ledger::UnchangedSince{EntryPath(entry.name), entry.modified});
    transaction.writes.push_back(ledger::Remove{EntryPath(entry.name)});
  }
  const Position now = std::max(before.position, droppable.entries.back().position);
  transaction.writes.push_back(ledger::Put{path, WritePosition(now)});
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Outcome outcome, ledger_.Commit(transaction));
  dropped = outcome.committed;
  if (!dropped) return Ok();
  for (const Waiting& entry : droppable.entries) backlog_.Remove(entry.name);
  backlog_.SetDropped({now, outcome.revision});
  return Ok();
}

}  // namespace twinseal::journal
