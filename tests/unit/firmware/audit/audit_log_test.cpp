#include <future>
#include <map>
#include <thread>

#include "tests/unit/firmware/audit/audit_fixture.h"

namespace twinseal::audit {
namespace {

TEST_F(AuditTest, NumbersAndDatesRecords) {
  std::int64_t now = 1'000;
  const auto log = Open({.clock = [&] { return now += 10; }});
  Fill(*log, 3);
  const auto records = All(*log);
  ASSERT_EQ(records.size(), 3U);
  for (std::uint64_t i = 0; i < 3; ++i) {
    const v1::AuditRecord record = Parse(records[i]);
    EXPECT_EQ(records[i].sequence(), i);
    EXPECT_EQ(record.sequence(), i);
    EXPECT_EQ(record.site(), "a");
    EXPECT_EQ(record.time_unix_us(), 1'010 + 10 * static_cast<std::int64_t>(i));
    EXPECT_EQ(record.detail(), std::to_string(i));
    EXPECT_EQ(records[i].leaf_hash(), ToString(merkle::HashLeaf(AsBytes(records[i].record()))));
  }
}

TEST_F(AuditTest, OverwritesWhatTheCallerMadeUp) {
  const auto log = Open();
  v1::AuditRecord record = Record();
  record.set_sequence(77);
  record.set_site("b");
  record.set_time_unix_us(1);
  ASSERT_TRUE(log->AppendAndWait(record).ok());
  const v1::AuditRecord stored = Parse(All(*log).at(0));
  EXPECT_EQ(stored.sequence(), 0U);
  EXPECT_EQ(stored.site(), "a");
  EXPECT_GT(stored.time_unix_us(), 1);
}

TEST_F(AuditTest, KeepsTheOrderOfEachCallerAndSharesSyncs) {
  constexpr int kThreads = 32;
  constexpr int kEach = 50;
  const auto log = Open();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        v1::AuditRecord record = Record(std::to_string(i));
        record.set_caller_name(std::to_string(thread));
        if (!log->AppendAndWait(std::move(record)).ok()) ADD_FAILURE();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto records = All(*log);
  ASSERT_EQ(records.size(), static_cast<std::size_t>(kThreads * kEach));
  std::map<std::string, int> next;
  std::int64_t time = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const v1::AuditRecord record = Parse(records[i]);
    EXPECT_EQ(record.sequence(), i);
    EXPECT_EQ(record.detail(), std::to_string(next[record.caller_name()]++));
    EXPECT_GE(record.time_unix_us(), time);
    time = record.time_unix_us();
  }
  const AuditCounters counters = log->Counters();
  EXPECT_EQ(counters.appended, records.size());
  EXPECT_EQ(counters.tree_size, records.size());
  EXPECT_LT(counters.batches, counters.appended);
  EXPECT_EQ(counters.queue_depth, 0U);
}

TEST_F(AuditTest, CallsBackInOrderOnceTheRecordIsThere) {
  const auto log = Open();
  std::vector<int> order;
  std::promise<void> last;
  for (int i = 0; i < 100; ++i) {
    log->Append(Record(std::to_string(i)), [&, i](Status status) {
      EXPECT_TRUE(status.ok());
      const auto page = log->List(static_cast<std::uint64_t>(i), 1);
      EXPECT_EQ(Parse(page.value().records.at(0)).detail(), std::to_string(i));
      order.push_back(i);
      if (i == 99) last.set_value();
    });
  }
  last.get_future().wait();
  ASSERT_EQ(order.size(), 100U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST_F(AuditTest, ListsInPages) {
  const auto log = Open();
  Fill(*log, 25);
  EXPECT_EQ(log->List(0, 10)->records.size(), 10U);
  EXPECT_EQ(log->List(20, 10)->records.size(), 5U);
  EXPECT_EQ(log->List(20, 10)->records.front().sequence(), 20U);
  EXPECT_EQ(log->List(25, 10)->records.size(), 0U);
  EXPECT_EQ(log->List(~std::uint64_t{0}, 10)->records.size(), 0U);
  EXPECT_EQ(log->List(0, 0)->records.size(), 25U);
  EXPECT_EQ(log->List(3, 1)->tree_size, 25U);
  EXPECT_EQ(log->List(0, AuditLog::kMaxPageSize)->records.size(), 25U);
  EXPECT_EQ(log->List(0, AuditLog::kMaxPageSize + 1).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(log->ListCheckpoints(0, AuditLog::kMaxPageSize + 1).error().code(),
            Code::kInvalidArgument);
}

TEST_F(AuditTest, KeepsPagesToAFewMegabytes) {
  const auto log = Open();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(log->AppendAndWait(Record(std::string(AuditLog::kMaxRecordBytes - 100, 'x'))).ok());
  }
  EXPECT_LT(log->List(0, 1000)->records.size(), 20U);
  EXPECT_EQ(All(*log, 1000).size(), 20U);
}

TEST_F(AuditTest, RefusesARecordThatIsTooLarge) {
  const auto log = Open();
  const Status status = log->AppendAndWait(Record(std::string(AuditLog::kMaxRecordBytes, 'x')));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  EXPECT_EQ(log->Counters().tree_size, 0U);
}

TEST_F(AuditTest, GoesOnAfterAReopening) {
  merkle::Hash root{};
  {
    const auto log = Open();
    Fill(*log, 2500);  // Over two stored trees of 1,000.
    root = Verify(*log).root;
  }
  const auto log = Open();
  EXPECT_EQ(log->Counters().tree_size, 2500U);
  const Report report = Verify(*log);
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.root, root);
  Fill(*log, 1);
  EXPECT_EQ(Parse(All(*log).at(2500)).sequence(), 2500U);
}

TEST_F(AuditTest, RecordsNothingMoreOnceStopped) {
  const auto log = Open();
  Fill(*log, 1);
  log->Stop();
  const Status status = log->AppendAndWait(Record());
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code(), Code::kUnavailable);
  EXPECT_EQ(All(*log).size(), 1U);
  log->Stop();
}

TEST_F(AuditTest, FinishesWhatItAcceptedBeforeItStops) {
  const auto log = Open();
  std::atomic<int> durable = 0;
  for (int i = 0; i < 500; ++i) {
    log->Append(Record(), [&](Status status) { durable += status.ok() ? 1 : 0; });
  }
  log->Stop();
  EXPECT_EQ(durable, 500);
  EXPECT_EQ(log->Counters().tree_size, 500U);
}

TEST_F(AuditTest, RefusesWhenTooManyWait) {
  const auto log = Open({.queue_limit = 4});
  std::promise<void> held;
  std::promise<void> go_on;
  std::shared_future<void> gate = go_on.get_future().share();
  log->Append(Record(), [&](Status) {
    held.set_value();
    gate.wait();
  });
  held.get_future().wait();
  std::atomic<int> durable = 0;
  for (int i = 0; i < 4; ++i) {
    log->Append(Record(), [&](Status status) { durable += status.ok() ? 1 : 0; });
  }
  EXPECT_EQ(log->Counters().queue_depth, 4U);
  // Refused at once, on this thread.
  std::optional<Code> refused;
  log->Append(Record(), [&](Status status) { refused = status.error().code(); });
  EXPECT_EQ(refused, Code::kResourceExhausted);
  go_on.set_value();
  log->Stop();
  EXPECT_EQ(durable, 4);
  EXPECT_EQ(log->Counters().overflowed, 1U);
  EXPECT_EQ(log->Counters().tree_size, 5U);
}

}  // namespace
}  // namespace twinseal::audit
