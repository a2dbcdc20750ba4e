// What is counted, and its text for Prometheus (text exposition format 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/base/error.h"
#include "firmware/audit/audit_log.h"
#include "firmware/journal/backlog.h"
#include "firmware/policy/permissions.h"
#include "firmware/service/core_link/core_supervisor.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::service {

// Requests by procedure and outcome, and how long they took. Thread-safe; counting takes a few
// atomic additions.
class RequestMetrics {
 public:
  // Upper bounds in microseconds; an activation takes about 1 ms, an RSA-4096 key seconds to make.
  static constexpr std::array<std::int64_t, 14> kBucketsUs = {
      250,    500,    1000,    2000,    4000,      8000,      16'000,
      32'000, 64'000, 125'000, 250'000, 1'000'000, 4'000'000, 15'000'000};

  // No code: it went well.
  void Count(policy::Procedure procedure, std::optional<Code> code, std::chrono::microseconds time);

  void AppendTo(std::string& text) const;

 private:
  static constexpr std::size_t kCodes = 17;
  struct Line {
    std::array<std::atomic<std::uint64_t>, kCodes> by_code{};
    std::array<std::atomic<std::uint64_t>, kBucketsUs.size()> buckets{};
    std::atomic<std::uint64_t> sum_us{};
  };
  std::array<Line, policy::kProcedures> lines_;
};

// The rest of the appliance, as it is at one moment.
struct ApplianceFigures {
  CoreState core;
  std::optional<v1::CoreStatus> core_status;  // Nothing when the core did not answer.
  std::uint64_t core_in_flight = 0;
  audit::AuditCounters audit;
  std::uint64_t archive_entries = 0;
  journal::BacklogFigures backlog;
  std::uint64_t ledger_revision = 0;
  std::map<int, std::uint64_t> keys_by_state;  // By KeyState's number.
  std::int64_t started_unix_ms = 0;
};

std::string MetricsText(const RequestMetrics& requests, const ApplianceFigures& figures);

// "enabled", "pending-destruction", ..., as the command line has them.
std::string KeyStateName(int state);

}  // namespace twinseal::service
