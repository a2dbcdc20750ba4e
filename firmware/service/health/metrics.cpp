#include "firmware/service/health/metrics.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <string_view>

#include <fmt/format.h>

namespace twinseal::service {
namespace {

void Head(std::string& text, std::string_view name, std::string_view type, std::string_view help) {
  fmt::format_to(std::back_inserter(text), "# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void Plain(std::string& text, std::string_view name, std::string_view type, std::string_view help,
           std::uint64_t value) {
  Head(text, name, type, help);
  fmt::format_to(std::back_inserter(text), "{} {}\n", name, value);
}

// As the format wants a label's value.
std::string Escaped(std::string_view value) {
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped.push_back('\\');
    if (c == '\n') {
      escaped += "\\n";
      continue;
    }
    escaped.push_back(c);
  }
  return escaped;
}

}  // namespace

std::string KeyStateName(int state) {
  std::string name = v1::KeyState_Name(static_cast<v1::KeyState>(state));
  std::ranges::transform(name, name.begin(), [](char c) {
    return c == '_' ? '-' : static_cast<char>(std::tolower(c));
  });
  return name;
}

void RequestMetrics::Count(policy::Procedure procedure, std::optional<Code> code,
                           std::chrono::microseconds time) {
  Line& line = lines_.at(static_cast<std::size_t>(procedure));
  const std::size_t column = code ? static_cast<std::size_t>(*code) : 0;
  line.by_code.at(column).fetch_add(1, std::memory_order_relaxed);
  line.sum_us.fetch_add(static_cast<std::uint64_t>(time.count()), std::memory_order_relaxed);
  for (std::size_t i = 0; i < kBucketsUs.size(); ++i) {
    if (time.count() <= kBucketsUs[i]) {
      line.buckets[i].fetch_add(1, std::memory_order_relaxed);
      break;
    }
  }
}

void RequestMetrics::AppendTo(std::string& text) const {
  constexpr auto kRelaxed = std::memory_order_relaxed;
  Head(text, "twinseal_requests_total", "counter", "Requests by procedure and outcome.");
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const std::string_view name = policy::Permissions()[i].name;
    for (std::size_t code = 0; code < kCodes; ++code) {
      const std::uint64_t count = lines_[i].by_code[code].load(kRelaxed);
      if (count == 0) continue;
      const std::string_view outcome = code == 0 ? "ok" : CodeName(static_cast<Code>(code));
      fmt::format_to(std::back_inserter(text),
                     "twinseal_requests_total{{procedure=\"{}\",code=\"{}\"}} {}\n", name, outcome,
                     count);
    }
  }
  Head(text, "twinseal_request_seconds", "histogram",
       "From a request's last byte to its audited answer.");
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const Line& line = lines_[i];
    const std::string_view name = policy::Permissions()[i].name;
    std::uint64_t all = 0;
    for (const auto& count : line.by_code) all += count.load(kRelaxed);
    if (all == 0) continue;
    std::uint64_t below = 0;
    for (std::size_t bucket = 0; bucket < kBucketsUs.size(); ++bucket) {
      below += line.buckets[bucket].load(kRelaxed);
      fmt::format_to(std::back_inserter(text),
                     "twinseal_request_seconds_bucket{{procedure=\"{}\",le=\"{}\"}} {}\n", name,
                     static_cast<double>(kBucketsUs[bucket]) / 1e6, below);
    }
    // Counted one after the other while requests go on, so the whole is at least the sum of the
    // parts.
    all = std::max(all, below);
    fmt::format_to(std::back_inserter(text),
                   "twinseal_request_seconds_bucket{{procedure=\"{0}\",le=\"+Inf\"}} {1}\n"
                   "twinseal_request_seconds_sum{{procedure=\"{0}\"}} {2}\n"
                   "twinseal_request_seconds_count{{procedure=\"{0}\"}} {1}\n",
                   name, all, static_cast<double>(line.sum_us.load(kRelaxed)) / 1e6);
  }
}

std::string MetricsText(const RequestMetrics& requests, const ApplianceFigures& figures) {
  std::string text;
  text.reserve(std::size_t{16} * 1024);
  requests.AppendTo(text);
  Plain(text, "twinseal_core_up", "gauge", "1 while the signing core answers.",
        figures.core_status.has_value() ? 1 : 0);
  Plain(text, "twinseal_core_restarts_total", "counter",
        "Times that the signing core was started again.", figures.core.restarts);
  Plain(text, "twinseal_core_requests_in_flight", "gauge",
        "Requests that wait for the signing core.", figures.core_in_flight);
  if (figures.core_status) {
    const v1::CoreStatus& core = *figures.core_status;
    Plain(text, "twinseal_core_activations_total", "counter",
          "Activations since the signing core started.", core.activations());
    Plain(text, "twinseal_core_signatures_total", "counter",
          "Signatures since the signing core started.", core.signatures());
    Plain(text, "twinseal_core_queue_depth", "gauge", "Requests in the signing core's queues.",
          core.queue_depth());
    Plain(text, "twinseal_vault_keys", "gauge", "Key versions in the vault.", core.vault_keys());
    Plain(text, "twinseal_vault_damaged_records", "gauge", "Vault records that are refused.",
          static_cast<std::uint64_t>(core.damaged_size()));
    Plain(text, "twinseal_hsm_sessions", "gauge", "Sessions open to the HSM.", core.hsm_sessions());
    Head(text, "twinseal_hsm_ready", "gauge", "1 while the HSM serves.");
    fmt::format_to(std::back_inserter(text), "twinseal_hsm_ready{{state=\"{}\"}} {}\n",
                   Escaped(core.hsm_state()), core.hsm_state() == "ready" ? 1 : 0);
    Head(text, "twinseal_core_memory_locked", "gauge",
         "1 when all of the signing core's memory is locked.");
    fmt::format_to(std::back_inserter(text), "twinseal_core_memory_locked{{detail=\"{}\"}} {}\n",
                   Escaped(core.memory_lock()), core.memory_lock() == "all" ? 1 : 0);
  }
  Plain(text, "twinseal_audit_records", "gauge", "Records in the audit log.",
        figures.audit.tree_size);
  Plain(text, "twinseal_audit_checkpointed_records", "gauge",
        "Audit records that a signed checkpoint covers.", figures.audit.last_checkpoint_size);
  Plain(text, "twinseal_audit_queue_depth", "gauge", "Audit records that wait for the disk.",
        figures.audit.queue_depth);
  Plain(text, "twinseal_audit_batches_total", "counter", "Synced groups of audit records.",
        figures.audit.batches);
  Plain(text, "twinseal_audit_refused_total", "counter",
        "Audit records that queue or disk refused.",
        figures.audit.overflowed + figures.audit.failed);
  Plain(text, "twinseal_audit_failed_checkpoints_total", "counter",
        "Checkpoints that could not be made.", figures.audit.failed_checkpoints);
  Plain(text, "twinseal_ledger_revision", "gauge", "The ledger's newest revision.",
        figures.ledger_revision);
  Plain(text, "twinseal_archive_entries", "gauge", "Entries in the site's archive.",
        figures.archive_entries);
  Plain(text, "twinseal_archive_stuck", "gauge",
        "1 while the ledger's journal cannot be copied into the archive.",
        figures.backlog.problem.empty() ? 0 : 1);
  Plain(text, "twinseal_journal_entries", "gauge",
        "Entries in the ledger that wait until every site has archived them.",
        figures.backlog.entries);
  Plain(text, "twinseal_journal_bytes", "gauge", "Bytes of those entries.", figures.backlog.bytes);
  Plain(text, "twinseal_journal_entries_cap", "gauge", "How many there may be.",
        figures.backlog.cap.entries);
  Plain(text, "twinseal_journal_bytes_cap", "gauge", "How many bytes they may have.",
        figures.backlog.cap.bytes);
  Head(text, "twinseal_keys", "gauge", "Keys by state.");
  for (const int state : {v1::ENABLED, v1::DISABLED, v1::PENDING_DESTRUCTION, v1::DESTROYED}) {
    const auto found = figures.keys_by_state.find(state);
    fmt::format_to(std::back_inserter(text), "twinseal_keys{{state=\"{}\"}} {}\n",
                   KeyStateName(state), found == figures.keys_by_state.end() ? 0 : found->second);
  }
  Plain(text, "twinseal_start_time_seconds", "gauge", "When twinseald was started.",
        static_cast<std::uint64_t>(figures.started_unix_ms / 1000));
  return text;
}

}  // namespace twinseal::service
