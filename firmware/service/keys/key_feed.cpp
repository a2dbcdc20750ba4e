#include "firmware/service/keys/key_feed.h"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "firmware/service/keys/layout.h"

namespace twinseal::service {
namespace {

constexpr std::size_t kPageSize = 20'000;
constexpr std::chrono::seconds kReloadBackOff{1};

}  // namespace

KeyFeed::KeyFeed(ledger::Ledger& ledger, KeyDirectory& directory, OnChange on_change)
    : ledger_(ledger), directory_(directory), on_change_(std::move(on_change)) {}

KeyFeed::~KeyFeed() { Stop(); }

Status KeyFeed::Start() {
  TWINSEAL_RETURN_IF_ERROR(LoadAndFollow());
  thread_ = std::thread([this] { Run(); });
  return Ok();
}

void KeyFeed::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
  feed_.reset();
}

void KeyFeed::Take(std::string_view path, BytesView value, ledger::Revision modified) {
  v1::Key key;
  if (!key.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    spdlog::error("the ledger's {} is not a key record; the key cannot be used", path);
    return;
  }
  const Result<KeyId> id = KeyId::FromHex(key.key_id());
  const KeyDirectory::View before = id.ok() ? directory_.Find(*id) : nullptr;
  if (const Status applied = directory_.Apply(std::move(key), modified); !applied.ok()) {
    spdlog::error("the ledger's {} cannot be used: {}", path, applied.error().message());
    return;
  }
  if (on_change_ != nullptr && before != nullptr && before->modified < modified) on_change_(*id);
}

Status KeyFeed::LoadAndFollow() {
  ledger::Range range = ledger::Range::Prefix(kKeyPrefix, kPageSize);
  // Following begins at the first page's revision: what changes between the pages comes again, and
  // the directory keeps the newer.
  std::optional<ledger::Revision> from;
  for (;;) {
    TWINSEAL_ASSIGN_OR_RETURN(const ledger::Listing listing, ledger_.List(range));
    if (!from) from = listing.revision;
    for (const ledger::Entry& entry : listing.entries) Take(entry.key, entry.value, entry.modified);
    if (!listing.more || listing.entries.empty()) break;
    // The least key above the last one.
    range.first = listing.entries.back().key + '\0';
  }
  directory_.MarkWhole();
  applied_.Advance(*from);
  TWINSEAL_ASSIGN_OR_RETURN(feed_, ledger_.Follow(
                                       std::string(kKeyPrefix), *from,
                                       [this](const ledger::Change& change) {
                                         if (change.value)
                                           Take(change.key, *change.value, change.revision);
                                         if (change.completes) applied_.Advance(change.revision);
                                       },
                                       [this](const Error& error) {
                                         spdlog::warn(
                                             "the ledger's feed ended ({}); reading all keys again",
                                             error.message());
                                         const MutexLock lock(mutex_);
                                         lost_ = true;
                                         changed_.NotifyAll();
                                       }));
  return Ok();
}

void KeyFeed::Run() {
  for (;;) {
    {
      const MutexLock lock(mutex_);
      while (!lost_ && !stopping_) changed_.Wait(mutex_);
      if (stopping_) return;
      lost_ = false;
    }
    feed_.reset();
    const Status loaded = LoadAndFollow();
    if (loaded.ok()) continue;
    spdlog::error("reading the keys from the ledger: {}", loaded.error().message());
    const MutexLock lock(mutex_);
    lost_ = true;
    const auto again = std::chrono::steady_clock::now() + kReloadBackOff;
    while (!stopping_ && changed_.WaitUntil(mutex_, again)) {
    }
  }
}

}  // namespace twinseal::service
