// The service's parts on a memory ledger and a fake core, and a real audit log in a throw-away
// folder.
#pragma once

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "firmware/audit/audit_log.h"
#include "firmware/service/handlers/gate.h"
#include "firmware/service/health/metrics.h"
#include "firmware/service/keys/key_feed.h"
#include "firmware/service/keys/key_store.h"
#include "firmware/service/keys/own_key.h"
#include "tests/unit/firmware/service/fake_core.h"
#include "tests/unit/firmware/service/memory_ledger.h"

namespace twinseal::service {

// Removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "twinseal-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class ServiceFixture : public ::testing::Test {
 protected:
  ServiceFixture() { EXPECT_TRUE(feed.Start().ok()); }
  ~ServiceFixture() override {
    in_flight.WaitUntilIdle();
    pool.Stop();
    audit->Stop();
  }

  static Deadline Soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }
  static policy::Principal Who(v1::Role role, const std::string& name) {
    return *policy::Principal::Make(role, name);
  }

  template <typename Message>
  static Call<Message> Calling(policy::Principal who, Message message) {
    return {std::move(who), Soon(), std::move(message)};
  }

  // Waits for an answer: Ask<v1::Key>([&](auto respond) { handlers.CreateKey(call, respond); })
  template <typename Answer, typename Start>
  static Result<Answer> Ask(Start start) {
    auto promise = std::make_shared<std::promise<Result<Answer>>>();
    std::future<Result<Answer>> answer = promise->get_future();
    start(Respond<Answer>(
        [promise](Result<Answer> result) { promise->set_value(std::move(result)); }));
    return answer.get();
  }

  v1::Key MakeKey(const std::string& name, v1::Algorithm algorithm = v1::EC_P256,
                  const v1::KeyPolicy& policy = {}) {
    v1::CreateKeyRequest request;
    request.set_name(name);
    request.set_algorithm(algorithm);
    *request.mutable_policy() = policy;
    const Mutation mutation = {"test", RequestId::Random(), HashRequest("test", request), "test",
                               Soon()};
    Result<v1::Key> key = KeyName::Parse(name)->reserved()
                              ? store.CreateOwn(mutation, *KeyName::Parse(name), algorithm)
                              : store.Create(mutation, request);
    EXPECT_TRUE(key.ok()) << key.error().Describe();
    return *key;
  }

  // What the audit log holds, in order.
  std::vector<v1::AuditRecord> Records() {
    std::vector<v1::AuditRecord> records;
    const Result<audit::RecordPage> page = audit->List(0, 1000);
    for (const v1::StoredAuditRecord& stored : page->records) {
      v1::AuditRecord record;
      EXPECT_TRUE(record.ParseFromString(stored.record()));
      records.push_back(std::move(record));
    }
    return records;
  }

  TemporaryFolder folder;
  SiteName site = *SiteName::Parse("a");
  std::int64_t now = 1'800'000'000'000;
  std::shared_ptr<FakeVault> vault = std::make_shared<FakeVault>();
  DirectCore core{vault};
  MemoryLedger ledger;
  KeyDirectory directory;
  Barrier barrier;
  KeyStore store{ledger, core, directory, barrier, site, [this] { return now; }};
  KeyFeed feed{ledger, directory};
  std::unique_ptr<audit::AuditLog> audit = *audit::AuditLog::Open(folder.path() / "audit.db", site);
  RequestMetrics metrics;
  Recorder recorder{*audit, metrics};
  InFlight in_flight{InFlightLimits{.per_caller = 4, .all = 6}};
  WorkPool pool{2, 64};
  Gate gate{recorder, in_flight, pool};
};

}  // namespace twinseal::service
