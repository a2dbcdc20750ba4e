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
  transaction.guards.push_back(ledger::Absent{path});
  transaction.writes.push_back(ledger::Put{std::move(path), WriteContent(content)});
  return Ok();
}

Result<std::optional<Entry>> Journal::Find(std::string_view name) {
  TWINSEAL_ASSIGN_OR_RETURN(std::optional<Entry> archived, archive_.Find(name));
  if (archived) return archived;
  const std::string path = EntryPath(name);
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> held, ledger_.Get(path));
  // Nothing in either: it may have been copied and dropped between the two looks.
  if (!held) return archive_.Find(name);
  TWINSEAL_ASSIGN_OR_RETURN(const Position base, ReadPosition(ledger_, kBasePath));
  TWINSEAL_ASSIGN_OR_RETURN(Entry entry, ReadEntry(path, held->value, held->created, base));
  return std::optional<Entry>(std::move(entry));
}

}  // namespace twinseal::journal
