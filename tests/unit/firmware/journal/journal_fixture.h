// Sites with archives of their own over one ledger, of either engine.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "firmware/journal/archive.h"
#include "firmware/journal/backlog.h"
#include "firmware/journal/copier.h"
#include "firmware/journal/journal.h"
#include "tests/support/results.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/common/ledger/engines.h"

namespace twinseal::journal {

// As another site reads it.
class ArchiveBesides final : public OtherArchive {
 public:
  ArchiveBesides(std::string site, Archive& archive) : site_(std::move(site)), archive_(archive) {}
  std::string site() const override { return site_; }
  Result<ArchivePage> Read(Position after) override { return archive_.Read(after); }

 private:
  const std::string site_;
  Archive& archive_;
};

class Site {
 public:
  Site(ledger::Ledger& ledger, std::string name, std::vector<std::string> all,
       Cap cap = CapFor(std::uint64_t{8} << 30U), ArchiveOptions options = {})
      : ledger_(ledger),
        name_(std::move(name)),
        all_(std::move(all)),
        cap_(cap),
        options_(options) {
    Begin();
  }

  // As the process, started again.
  void Begin() {
    journal_.reset();
    copier_.reset();
    archive_.reset();
    archive_ = Archive::Open(file(), options_).value();
    backlog_ = std::make_unique<Backlog>(name_, cap_, [this] { return all_; });
    copier_ = std::make_unique<Copier>(ledger_, *archive_, *backlog_,
                                       CopierOptions{name_, [this] { return others_; }, {}});
    journal_ = std::make_unique<Journal>(ledger_, *archive_, *backlog_);
  }
  // With another copy of the file, or with none.
  void BeginWith(const std::filesystem::path& copy) {
    archive_.reset();
    for (const char* const part : {"", "-wal", "-shm"}) {
      std::filesystem::remove(file().string() + part);
    }
    if (!copy.empty()) std::filesystem::copy_file(copy, file());
    Begin();
  }
  // A copy of the archive as it is now.
  std::filesystem::path Copy() {
    Begin();
    archive_.reset();
    std::filesystem::copy_file(file(), folder_ / "copy");
    Begin();
    return folder_ / "copy";
  }

  // All that a site does, once.
  Status Round() {
    const Result<ledger::Revision> copied = copier_->CopyAll();
    if (!copied.ok()) return copied.error();
    TWINSEAL_RETURN_IF_ERROR(copier_->Acknowledge());
    return copier_->Drop();
  }

  void Belongs(std::vector<std::string> all) { all_ = std::move(all); }
  void CanAsk(Site& other) {
    others_.push_back(std::make_shared<ArchiveBesides>(other.name_, other.archive()));
  }

  Archive& archive() { return *archive_; }
  Backlog& backlog() { return *backlog_; }
  Copier& copier() { return *copier_; }
  Journal& journal() { return *journal_; }
  std::filesystem::path file() const { return folder_ / "archive.db"; }

  // "name=content" of everything, in the archive's order.
  std::vector<std::string> All() {
    std::vector<std::string> all;
    Position after{};
    while (true) {
      const Result<ArchivePage> page = archive_->Read(after);
      if (!page.ok() || page->through == after) return all;
      for (const Entry& entry : page->entries) {
        all.push_back(entry.name + "=" + ToString(entry.content));
      }
      after = page->through;
    }
  }

 private:
  ledger::Ledger& ledger_;
  test::TempFolder folder_;
  const std::string name_;
  std::vector<std::string> all_;
  const Cap cap_;
  const ArchiveOptions options_;
  std::vector<std::shared_ptr<OtherArchive>> others_;
  std::unique_ptr<Archive> archive_;
  std::unique_ptr<Backlog> backlog_;
  std::unique_ptr<Copier> copier_;
  std::unique_ptr<Journal> journal_;
};

class JournalTest : public ledger::LedgerContract {
 protected:
  // Commits an entry that must be taken. Its position.
  Position Issue(Site& site, const std::string& name, const std::string& content) {
    ledger::Transaction transaction;
    EXPECT_THAT(site.journal().Append(transaction, name, AsBytes(content)), test::Succeeds());
    const ledger::Revision revision = Must(transaction);
    return Position{BaseOf(ledger()) + ledger::Number(revision)};
  }

  static std::uint64_t BaseOf(ledger::Ledger& ledger) {
    return Number(ReadPosition(ledger, kBasePath).value());
  }

  std::vector<std::string> Waits() {
    std::vector<std::string> names;
    for (const std::string& key : KeysIn(ledger::Range::Prefix(kEntryPrefix))) {
      names.push_back(key.substr(kEntryPrefix.size()));
    }
    return names;
  }
};

}  // namespace twinseal::journal
