// An audit log in a folder of its own.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <gtest/gtest.h>

#include "common/audit/verifier.h"
#include "firmware/audit/audit_log.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/common/audit/test_key.h"

namespace twinseal::audit {

class AuditTest : public testing::Test {
 protected:
  static SiteName Site() { return SiteName::Parse("a").value(); }

  static v1::AuditRecord Record(const std::string& detail = "") {
    v1::AuditRecord record;
    record.set_operation("SigningService/Sign");
    record.set_caller_role("application");
    record.set_caller_name("ci");
    record.set_outcome("ok");
    record.set_detail(detail);
    return record;
  }

  std::filesystem::path path() const { return folder_ / "audit.db"; }
  const std::filesystem::path& folder() const { return folder_.path(); }

  std::unique_ptr<AuditLog> Open(AuditLogOptions options = {}) const {
    auto opened = AuditLog::Open(path(), Site(), std::move(options));
    if (!opened.ok()) throw std::runtime_error(opened.error().Describe());
    return std::move(opened).value();
  }

  static void Fill(AuditLog& log, int count) {
    for (int i = 0; i < count; ++i) {
      const Status status = log.AppendAndWait(Record(std::to_string(i)));
      if (!status.ok()) throw std::runtime_error(status.error().Describe());
    }
  }

  // Page by page, as a client does.
  static std::vector<v1::StoredAuditRecord> All(AuditLog& log, std::size_t page_size = 100) {
    std::vector<v1::StoredAuditRecord> all;
    for (;;) {
      // Behind the last one: where one is missing, counting would read another twice.
      const std::uint64_t next = all.empty() ? 0 : all.back().sequence() + 1;
      const auto page = log.List(next, page_size);
      if (!page.ok()) throw std::runtime_error(page.error().Describe());
      if (page->records.empty()) return all;
      all.insert(all.end(), page->records.begin(), page->records.end());
    }
  }

  static v1::AuditRecord Parse(const v1::StoredAuditRecord& stored) {
    v1::AuditRecord record;
    if (!record.ParseFromString(stored.record()))
      throw std::runtime_error("a stored record does not parse");
    return record;
  }

  CheckpointSigner Signer() {
    return [this](std::string_view text) -> Result<CheckpointSignature> {
      ++signed_;
      return CheckpointSignature{"00112233445566778899aabbccddeeff", 3, key_.Sign(text)};
    };
  }

  Report Verify(AuditLog& log) {
    const auto checkpoints = log.ListCheckpoints(0, AuditLog::kMaxPageSize);
    if (!checkpoints.ok()) throw std::runtime_error(checkpoints.error().Describe());
    LogVerifier verifier(Site(), checkpoints->checkpoints, CheckWithPublicKey(key_.Pem()).value());
    for (const v1::StoredAuditRecord& record : All(log)) verifier.Add(record);
    return verifier.Finish();
  }

  // What somebody does who has the file.
  void Execute(const std::string& sql) const {
    SQLite::Database(path(), SQLite::OPEN_READWRITE).exec(sql);
  }
  void Tamper(const std::string& sql) const {
    Execute(
        "DROP TRIGGER IF EXISTS records_stay; DROP TRIGGER IF EXISTS records_keep;"
        "DROP TRIGGER IF EXISTS checkpoints_stay; DROP TRIGGER IF EXISTS checkpoints_keep;" +
        sql);
  }

  TestKey key_;
  std::atomic<int> signed_ = 0;

 private:
  test::TempFolder folder_;
};

}  // namespace twinseal::audit
