// The site's part in the ledger's journal, put together.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "common/ledger/ledger.h"
#include "firmware/journal/archive.h"
#include "firmware/journal/backlog.h"
#include "firmware/journal/copier.h"
#include "firmware/journal/copier_thread.h"
#include "firmware/journal/journal.h"
#include "firmware/service/pair/pair_file.h"

namespace twinseal::service {

// Thread-safe. What it refers to outlives it.
class Archiving {
 public:
  using Others = std::function<journal::OtherArchives()>;

  // `others` gives the archives of a pair's other sites.
  Archiving(const std::string& site, ledger::Ledger& ledger, std::uint64_t quota_bytes,
            PairFile& pair, journal::Archive& archive, Others others);

  // Once the ledger is there.
  void Start() { thread_.Start(); }
  // Before the ledger ends.
  void Stop() { thread_.Stop(); }

  journal::Journal& journal() { return journal_; }
  const journal::Archive& archive() const { return archive_; }
  const journal::Backlog& backlog() const { return backlog_; }

 private:
  journal::Archive& archive_;
  journal::Backlog backlog_;
  journal::Journal journal_;
  journal::Copier copier_;
  journal::CopierThread thread_;
};

}  // namespace twinseal::service
