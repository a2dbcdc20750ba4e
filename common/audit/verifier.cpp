#include "common/audit/verifier.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace twinseal::audit {
namespace {

std::string Records(std::uint64_t first, std::uint64_t last) {
  return first == last ? fmt::format("record {}", first)
                       : fmt::format("records {} to {}", first, last);
}

}  // namespace

std::string_view TamperingName(Tampering kind) {
  switch (kind) {
    case Tampering::kChanged:
      return "changed";
    case Tampering::kRemoved:
      return "removed";
    case Tampering::kReordered:
      return "reordered";
    case Tampering::kTruncated:
      return "truncated";
    case Tampering::kForged:
      return "forged";
    case Tampering::kRewritten:
      return "rewritten";
  }
  return "unknown";
}

LogVerifier::LogVerifier(SiteName site, const std::vector<v1::AuditCheckpoint>& checkpoints,
                         const SignatureCheck& check)
    : site_(std::move(site)) {
  report_.checkpoints = checkpoints.size();
  for (const v1::AuditCheckpoint& checkpoint : checkpoints) {
    const Status status = VerifyCheckpoint(checkpoint, site_, check);
    if (!status.ok()) {
      Found(Tampering::kForged, checkpoint.tree_size(), checkpoint.tree_size(),
            status.error().message());
      continue;
    }
    signed_.emplace(checkpoint.tree_size(), Signed{HeadOf(checkpoint).value().root, false});
  }
  CheckRoots();
}

void LogVerifier::Add(const v1::StoredAuditRecord& record) {
  ++report_.records;
  Leaf leaf;
  leaf.computed = merkle::HashLeaf(AsBytes(record.record()));
  const Result<merkle::Hash> stored = merkle::HashFromBytes(AsBytes(record.leaf_hash()));
  leaf.stored = stored.ok() ? *stored : leaf.computed;

  const std::uint64_t place = record.sequence();
  if (place < next_place_) {
    Found(Tampering::kReordered, place, place,
          fmt::format("record {} comes after record {}", place, next_place_ - 1));
  }
  if (place == std::numeric_limits<std::uint64_t>::max()) {
    Found(Tampering::kChanged, place, place,
          fmt::format("no record can have the number {}", place));
    return;
  }
  next_place_ = std::max(next_place_, place + 1);
  Place(PlaceOf(record, leaf, stored.ok()), leaf);
}

// Where the record belongs: its own bytes say so when they are those that were hashed, else the
// place where it is found has to do.
std::uint64_t LogVerifier::PlaceOf(const v1::StoredAuditRecord& record, const Leaf& leaf,
                                   bool has_hash) {
  const std::uint64_t place = record.sequence();
  if (!has_hash || leaf.stored != leaf.computed) {
    Found(Tampering::kChanged, place, place,
          fmt::format("record {} is not what it was when it was written: its hash is another",
                      place));
    return place;
  }
  v1::AuditRecord content;
  if (!content.ParseFromString(record.record()) || content.site() != site_.text() ||
      content.sequence() == std::numeric_limits<std::uint64_t>::max()) {
    Found(Tampering::kChanged, place, place,
          fmt::format("record {} is not an audit record of site {}", place, site_.text()));
    return place;
  }
  // Unsigned, so it wraps; it is only compared. When a record is taken out and those behind it are
  // renumbered, all of them are off by one: told once.
  const std::uint64_t offset = content.sequence() - place;
  if (offset != 0 && offset != offset_) {
    Found(Tampering::kReordered, content.sequence(), content.sequence(),
          fmt::format("record {} is in the place of record {}", content.sequence(), place));
  }
  offset_ = offset;
  return content.sequence();
}

void LogVerifier::Place(std::uint64_t sequence, const Leaf& leaf) {
  if (sequence >= next_) {
    if (sequence > next_) missing_.emplace(next_, sequence - 1);
    next_ = sequence + 1;
  } else {
    auto gap = missing_.upper_bound(sequence);
    if (gap == missing_.begin() || std::prev(gap)->second < sequence) {
      if (!Suspected(sequence, sequence)) {
        Found(Tampering::kReordered, sequence, sequence,
              fmt::format("record {} is there twice", sequence));
      }
      return;
    }
    gap = std::prev(gap);
    const auto [first, last] = *gap;
    missing_.erase(gap);
    if (first < sequence) missing_.emplace(first, sequence - 1);
    if (sequence < last) missing_.emplace(sequence + 1, last);
  }
  if (roots_given_up_) return;
  waiting_.emplace(sequence, leaf);
  for (auto next = waiting_.find(stored_.size()); next != waiting_.end();
       next = waiting_.find(stored_.size())) {
    Grow(next->second);
    waiting_.erase(next);
  }
  if (waiting_.size() > kMaxWaiting) {
    roots_given_up_ = true;
    waiting_.clear();
  }
}

void LogVerifier::Grow(const Leaf& leaf) {
  stored_.Append(leaf.stored);
  computed_.Append(leaf.computed);
  CheckRoots();
}

void LogVerifier::CheckRoots() {
  const auto [first, last] = signed_.equal_range(stored_.size());
  for (auto checkpoint = first; checkpoint != last; ++checkpoint) {
    checkpoint->second.reached = true;
    const merkle::Hash& root = checkpoint->second.root;
    if (root == stored_.Root()) {
      computed_ = stored_;
    } else if (root == computed_.Root()) {
      stored_ = computed_;
    } else {
      // Once they disagree they disagree for ever; what a record that is known to be changed
      // explains is not said again.
      if (!disagreed_ && !Suspected(agreed_, stored_.size() - 1)) {
        Found(Tampering::kRewritten, std::min(agreed_, stored_.size()),
              stored_.size() == 0 ? 0 : stored_.size() - 1,
              fmt::format("{} do not lead to the root that the checkpoint of {} records signed: at "
                          "least one of them "
                          "was rewritten together with its hash",
                          Records(agreed_, stored_.size() == 0 ? 0 : stored_.size() - 1),
                          stored_.size()));
      }
      disagreed_ = true;
      continue;
    }
    agreed_ = stored_.size();
    ++report_.verified_checkpoints;
    report_.covered = std::max(report_.covered, agreed_);
  }
}

bool LogVerifier::Suspected(std::uint64_t first, std::uint64_t last) const {
  return std::ranges::any_of(report_.findings, [&](const Finding& finding) {
    return finding.kind != Tampering::kForged && finding.first <= last && finding.last >= first;
  });
}

Report LogVerifier::Finish() {
  for (const auto& [first, last] : missing_) {
    Found(Tampering::kRemoved, first, last,
          fmt::format("{} {} not there", Records(first, last), first == last ? "is" : "are"));
  }
  if (!signed_.empty() && signed_.rbegin()->first > next_) {
    const std::uint64_t size = signed_.rbegin()->first;
    Found(Tampering::kTruncated, next_, size - 1,
          fmt::format("the log ends before record {}, though a checkpoint was signed when it had "
                      "{} records: {} cut off",
                      next_, size, Records(next_, size - 1)));
  }
  report_.root = stored_.Root();
  return std::move(report_);
}

void LogVerifier::Found(Tampering kind, std::uint64_t first, std::uint64_t last,
                        std::string detail) {
  if (report_.findings.size() >= kMaxFindings) {
    ++report_.more_findings;
    return;
  }
  report_.findings.push_back({kind, first, last, std::move(detail)});
}

}  // namespace twinseal::audit
