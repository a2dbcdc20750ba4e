// How entries get from the ledger's journal into this site's archive, and out of the ledger once
// every site has them. Each step may be left out, repeated or interrupted.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/journal/archive.h"
#include "firmware/journal/backlog.h"

namespace twinseal::journal {

// Another site's archive. Thread-safe; Read() blocks, as Archive::Read().
class OtherArchive {
 public:
  virtual ~OtherArchive() = default;
  virtual std::string site() const = 0;
  virtual Result<ArchivePage> Read(Position after) = 0;
};

using OtherArchives = std::vector<std::shared_ptr<OtherArchive>>;

struct CopierOptions {
  std::string site;
  // The other sites' archives, for what the ledger has no longer.
  std::function<OtherArchives()> others;
  // Of each commit: the journal stands still when these do not hold.
  std::vector<ledger::Guard> guards;
};

// One thread at a time, but for Hear().
class Copier {
 public:
  Copier(ledger::Ledger& ledger, Archive& archive, Backlog& backlog, CopierOptions options)
      : ledger_(ledger), archive_(archive), backlog_(backlog), options_(std::move(options)) {}

  // Copies everything that the journal has; and what this archive lacks and the journal has no
  // longer, as for a new site or an archive that was put back from an old copy, from other sites'.
  // Returns the revision from which to follow kPrefix. data_loss when nobody has what is lacking.
  Result<ledger::Revision> CopyAll();

  // Of one change under kPrefix: counts what waits. Quick, from any thread.
  void Hear(const ledger::Change& change);
  // Copies what the changes since CopyAll() or the last Take() brought, in one synced commit.
  // out_of_range when something was dropped that this site lacks: CopyAll() again.
  Status Take(const std::vector<ledger::Change>& changes);

  // Says in the ledger up to where the archive has everything, when that is news to somebody.
  Status Acknowledge();
  // Drops what every site has acknowledged.
  Status Drop();

 private:
  Status ReadBase();
  Result<ledger::Revision> CopyJournal();
  Status Fetch(Position until);
  Status FetchFrom(OtherArchive& other, Position until);
  Status DropSome(const Backlog::Droppable& droppable, bool& dropped);

  ledger::Ledger& ledger_;
  Archive& archive_;
  Backlog& backlog_;
  const CopierOptions options_;
  std::atomic<Position> base_ = Position{};  // Of the ledger, since CopyAll().
};

}  // namespace twinseal::journal
