#include "firmware/journal/journal.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace twinseal::journal {
namespace {

bool HasEntry(const ledger::Transaction& transaction) {
  return std::ranges::any_of(transaction.writes, [](const ledger::Write& write) {
    const ledger::Put* const put = std::get_if<ledger::Put>(&write);
    return put != nullptr && put->key.starts_with(kEntryPrefix);
  });
}

}  // namespace

Status Journal::Append(ledger::Transaction& transaction, std::string_view name, BytesView content) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    return Error(Code::kInvalidArgument,
                 fmt::format("the name of a journal's entry has {} bytes; 1 to {} can be",
                             name.size(), kMaxNameBytes));
  }
  if (content.size() > kMaxContentBytes) {
    return Error(Code::kInvalidArgument, fmt::format("{} has {} bytes; {} are the most", name,
                                                     content.size(), kMaxContentBytes));
  }
  if (HasEntry(transaction)) {
    return Error(Code::kInvalidArgument, "a transaction brings one entry to the journal at most");
  }
  TWINSEAL_RETURN_IF_ERROR(backlog_.CheckRoom(content.size()));
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<Entry> archived, archive_.Find(name));
  if (archived) {
    return Error(Code::kAlreadyExists, fmt::format("{} is in the archive already", name));
  }
  std::string path = EntryPath(name);
  transaction.alone = true;  // Its revision is the entry's position.
  transaction.guards.push_back(ledger::Absent{path});
  transaction.writes.push_back(ledger::Put{std::move(path), WriteContent(content)});
  return Ok();
}

Result<std::optional<Entry>> Journal::Find(std::string_view name) {
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<Entry> archived, archive_.Find(name));
  if (archived) return archived;
  const std::string path = EntryPath(name);
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> held, ledger_.Get(path));
  if (!held) {
    TWINSEAL_RETURN_IF_ERROR(CheckWhole());
    // Nothing in either: it may have been copied and dropped between the two looks.
    return archive_.Find(name);
  }
  TWINSEAL_ASSIGN_OR_RETURN(const Position base, ReadPosition(ledger_, kBasePath));
  TWINSEAL_ASSIGN_OR_RETURN(Entry entry, ReadEntry(path, held->value, held->created, base));
  return std::optional<Entry>(std::move(entry));
}

// What waits is looked at first: it leaves the ledger for the archive, and never goes back.
Result<std::vector<Entry>> Journal::FindUnder(std::string_view prefix, From from) {
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<Entry> waiting, WaitingUnder(prefix, from));
  TWINSEAL_RETURN_IF_ERROR(CheckWhole());
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<Entry> all, archive_.FindUnder(prefix));
  for (Entry& entry : waiting) all.push_back(std::move(entry));
  std::ranges::sort(all, {}, &Entry::position);
  const auto twice = std::ranges::unique(all, {}, &Entry::position);
  all.erase(twice.begin(), twice.end());
  return all;
}

Result<std::vector<std::string>> Journal::GroupsUnder(std::string_view prefix,
                                                      std::string_view after, std::size_t limit) {
  std::vector<std::string> groups = backlog_.GroupsUnder(prefix, after, limit);
  TWINSEAL_RETURN_IF_ERROR(CheckWhole());
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<std::string> archived,
                            archive_.GroupsUnder(prefix, after, limit));
  groups.insert(groups.end(), archived.begin(), archived.end());
  std::ranges::sort(groups);
  const auto twice = std::ranges::unique(groups);
  groups.erase(twice.begin(), twice.end());
  if (groups.size() > limit) groups.resize(limit);
  return groups;
}

// What the ledger has dropped every site's archive had; one that has not is new, or an old copy.
Status Journal::CheckWhole() const {
  if (archive_.through() >= backlog_.dropped().position) return Ok();
  return Error(Code::kUnavailable,
               "this site's archive is new or an old copy, and has not read what it lacks from "
               "another site's yet; ask another site");
}

Result<std::vector<Entry>> Journal::WaitingUnder(std::string_view prefix, From from) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<Waiting> heard, backlog_.Under(prefix));
  std::vector<Entry> entries;
  if (from == From::kHeard) {
    for (const Waiting& one : heard) {
      const std::string path = EntryPath(one.name);
      TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> held, ledger_.GetNearby(path));
      if (!held) continue;
      TWINSEAL_ASSIGN_OR_RETURN(Entry entry,
                                ReadEntry(path, held->value, held->created, Position{}));
      entry.position = one.position;
      entries.push_back(std::move(entry));
    }
    return entries;
  }
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Listing held,
                            ledger_.List(ledger::Range::Prefix(EntryPath(prefix))));
  TWINSEAL_ASSIGN_OR_RETURN(const Position base, ReadPosition(ledger_, kBasePath));
  for (const ledger::Entry& one : held.entries) {
    TWINSEAL_ASSIGN_OR_RETURN(Entry entry, ReadEntry(one.key, one.value, one.created, base));
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace twinseal::journal
