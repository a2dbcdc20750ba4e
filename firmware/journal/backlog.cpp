#include "firmware/journal/backlog.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace twinseal::journal {
namespace {

constexpr std::uint64_t kMib = std::uint64_t{1} << 20U;

bool Near(std::uint64_t amount, std::uint64_t cap) {
  return amount >= cap / 100 * kNearCapPercent + cap % 100 * kNearCapPercent / 100;
}

Error NotRead() {
  return Error(Code::kUnavailable,
               "this site has not read the ledger's journal yet; try again in a moment");
}

std::string Reason(const std::string& own_site, const BacklogFigures& figures) {
  std::string reason;
  for (const std::string& site : figures.behind) {
    if (site == own_site) continue;
    reason += fmt::format(
        " Site {0} has not copied it into its archive: bring site {0} back, or let another "
        "appliance take its place with `twinseal pair replace`.",
        site);
  }
  if (!figures.problem.empty()) {
    reason += fmt::format(" This site cannot copy it into its own archive: {}.", figures.problem);
  }
  return reason.empty() ? " It is being copied; try again in a moment." : reason;
}

}  // namespace

Cap CapFor(std::uint64_t quota_bytes) { return {quota_bytes / kCapShareOfQuota, kCapEntries}; }

Status Backlog::CheckRoom(std::size_t content_bytes) const {
  const BacklogFigures figures = Figures();
  {
    const MutexLock lock(mutex_);
    if (!known_) return NotRead();
  }
  if (!Near(figures.entries + 1, cap_.entries) &&
      !Near(figures.bytes + content_bytes, cap_.bytes)) {
    return Ok();
  }
  return Error(
      Code::kResourceExhausted,
      fmt::format("the ledger's journal is nearly full ({} of {} entries, {} of {} MiB wait), so "
                  "nothing is added to it.{}",
                  figures.entries, cap_.entries, figures.bytes / kMib, cap_.bytes / kMib,
                  Reason(site_, figures)));
}

BacklogFigures Backlog::Figures() const {
  const MutexLock lock(mutex_);
  return {waiting_.size(), bytes_, cap_, Behind(), problem_};
}

std::vector<std::string> Backlog::Behind() const {
  std::vector<std::string> behind;
  if (waiting_.empty()) return behind;
  for (const std::string& site : sites_()) {
    const auto mark = copied_.find(site);
    const Position reached = mark == copied_.end() ? Position{} : mark->second.position;
    if (reached < waiting_.rbegin()->first) behind.push_back(site);
  }
  return behind;
}

void Backlog::Replace(std::vector<Waiting> waiting, std::map<std::string, Mark> copied,
                      Mark dropped) {
  const MutexLock lock(mutex_);
  by_name_.clear();
  waiting_.clear();
  bytes_ = 0;
  for (Waiting& entry : waiting) AddOne(std::move(entry));
  copied_ = std::move(copied);
  dropped_ = dropped;
  known_ = true;
}

void Backlog::Add(Waiting entry) {
  const MutexLock lock(mutex_);
  AddOne(std::move(entry));
}

void Backlog::AddOne(Waiting entry) {
  RemoveOne(entry.name);
  heard_ = std::max(heard_, entry.modified);
  more_.NotifyAll();
  const Position position = entry.position;
  const auto [at, added] = waiting_.insert({position, std::move(entry)});
  if (!added) return;
  by_name_[at->second.name] = position;
  bytes_ += at->second.bytes;
}

void Backlog::Remove(std::string_view name) {
  const MutexLock lock(mutex_);
  RemoveOne(name);
}

void Backlog::RemoveOne(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return;
  const auto at = waiting_.find(found->second);
  by_name_.erase(found);
  bytes_ -= at->second.bytes;
  waiting_.erase(at);
}

void Backlog::SetCopied(const std::string& site, Mark mark) {
  const MutexLock lock(mutex_);
  Mark& known = copied_[site];
  // What this site has done itself comes again by the feed, perhaps late.
  if (known.modified < mark.modified) known = mark;
}

void Backlog::SetDropped(Mark mark) {
  const MutexLock lock(mutex_);
  if (dropped_.modified < mark.modified) dropped_ = mark;
}

void Backlog::SetProblem(std::string problem) {
  const MutexLock lock(mutex_);
  problem_ = std::move(problem);
}

Result<std::vector<Waiting>> Backlog::Under(std::string_view prefix) const {
  const MutexLock lock(mutex_);
  if (!known_) return NotRead();
  std::vector<Waiting> under;
  for (auto at = by_name_.lower_bound(prefix);
       at != by_name_.end() && at->first.starts_with(prefix); ++at) {
    under.push_back(waiting_.at(at->second));
  }
  return under;
}

std::vector<std::string> Backlog::GroupsUnder(std::string_view prefix, std::string_view after,
                                              std::size_t limit) const {
  std::string from = after.empty() ? std::string(prefix) : BehindGroup(prefix, after);
  const MutexLock lock(mutex_);
  std::vector<std::string> groups;
  while (groups.size() < limit) {
    const auto at = by_name_.lower_bound(from);
    if (at == by_name_.end() || !at->first.starts_with(prefix)) break;
    groups.push_back(GroupOf(at->first, prefix));
    from = BehindGroup(prefix, groups.back());
  }
  return groups;
}

void Backlog::AwaitHeard(ledger::Revision commit,
                         std::chrono::steady_clock::time_point until) const {
  const MutexLock lock(mutex_);
  while (heard_ < commit && more_.WaitUntil(mutex_, until)) {
  }
}

Mark Backlog::copied(const std::string& site) const {
  const MutexLock lock(mutex_);
  const auto found = copied_.find(site);
  return found == copied_.end() ? Mark{} : found->second;
}

Mark Backlog::dropped() const {
  const MutexLock lock(mutex_);
  return dropped_;
}

bool Backlog::AnyBetween(Position after, Position through) const {
  const MutexLock lock(mutex_);
  const auto next = waiting_.upper_bound(after);
  return next != waiting_.end() && next->first <= through;
}

Backlog::Droppable Backlog::CopiedByAll(std::size_t limit) const {
  const MutexLock lock(mutex_);
  Droppable droppable;
  Position by_all{~std::uint64_t{0}};
  for (const std::string& site : sites_()) {
    const auto mark = copied_.find(site);
    // A site that has said nothing has nothing.
    if (mark == copied_.end()) return {};
    by_all = std::min(by_all, mark->second.position);
    droppable.by.insert(*mark);
  }
  // No site is named: nobody could have copied anything.
  if (droppable.by.empty()) return {};
  for (const auto& [position, entry] : waiting_) {
    if (position > by_all || droppable.entries.size() == limit) break;
    droppable.entries.push_back(entry);
  }
  return droppable;
}

}  // namespace twinseal::journal
