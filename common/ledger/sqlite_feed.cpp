#include "common/ledger/sqlite_feed.h"

#include <utility>

#include <fmt/format.h>

namespace twinseal::ledger {
namespace {

// Changes read at a time.
constexpr std::size_t kPage = 256;

}  // namespace

void CommitBell::Ring(Revision revision) {
  const MutexLock lock(mutex_);
  revision_ = revision;
  rings_.NotifyAll();
}

Revision CommitBell::revision() const {
  const MutexLock lock(mutex_);
  return revision_;
}

void CommitBell::WaitBeyond(Revision seen, const std::atomic<bool>& stopped) {
  const MutexLock lock(mutex_);
  while (!stopped && revision_ <= seen) rings_.Wait(mutex_);
}

void CommitBell::Wake() {
  const MutexLock lock(mutex_);
  rings_.NotifyAll();
}

SqliteFeed::SqliteFeed(std::unique_ptr<StoreReader> reader, CommitBell& bell,
                       const std::string& prefix, Revision after,
                       std::function<void(const Change&)> on_change,
                       std::function<void(const Error&)> on_lost)
    : reader_(std::move(reader)),
      bell_(bell),
      range_(Range::Prefix(prefix)),
      on_change_(std::move(on_change)),
      on_lost_(std::move(on_lost)) {
  thread_ = std::thread([this, after] { Loop(after); });
}

SqliteFeed::~SqliteFeed() {
  stopped_ = true;
  bell_.Wake();
  thread_.join();
}

void SqliteFeed::Loop(Revision after) {
  while (!stopped_) {
    bell_.WaitBeyond(after, stopped_);
    if (stopped_) return;
    const Result<Revision> told = Deliver(after);
    if (!told.ok()) {
      if (on_lost_) on_lost_(told.error());
      return;
    }
    after = *told;
  }
}

Result<Revision> SqliteFeed::Deliver(Revision after) {
  // No key is empty, so this is before the first change of the next revision.
  FeedPosition position{Revision{Number(after) + 1}, ""};
  std::optional<Change> held;  // Until it is known whether more of its revision comes.
  while (!stopped_) {
    TWINSEAL_ASSIGN_OR_RETURN(FeedPage page, reader_->Changes(range_, position, kPage));
    // Removals that were not told yet may be gone since the page before.
    if (page.forgotten >= position.revision) {
      return Error(
          Code::kOutOfRange,
          fmt::format(
              "the feed fell behind: changes up to revision {} are no longer kept; list again",
              Number(page.forgotten)));
    }
    for (Change& change : page.changes) {
      if (stopped_) return after;
      position.revision = change.revision;
      position.key = change.key;
      if (held) {
        held->completes = held->revision != change.revision;
        on_change_(*held);
      }
      held = std::move(change);
    }
    if (page.more) continue;
    if (held) on_change_(*held);
    return page.newest;
  }
  return after;
}

}  // namespace twinseal::ledger
