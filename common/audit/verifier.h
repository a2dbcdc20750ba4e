// Reads an audit log as it is stored and finds what was done to it since it was written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/audit/checkpoint.h"
#include "common/base/types.h"
#include "common/merkle/merkle.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::audit {

enum class Tampering : std::uint8_t {
  kChanged = 1,  // A record's bytes are not those that were hashed when it was written.
  kRemoved,      // A record between two others is gone.
  kReordered,    // A record is not in its place, or is there twice.
  kTruncated,    // The log ends before the size that a checkpoint signed.
  kForged,       // A checkpoint's signature does not hold, or it is of another site.
  kRewritten,    // Records and hashes agree with each other but not with the signed root.
};

// "changed", "removed", ...
std::string_view TamperingName(Tampering kind);

struct Finding {
  Tampering kind;
  // The first and the last record it is about. Of a forged checkpoint: the tree size that it
  // claims, twice.
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::string detail;  // A sentence for the user.
};

struct Report {
  std::uint64_t records = 0;               // How many were read.
  std::uint64_t checkpoints = 0;           // How many were given.
  std::uint64_t verified_checkpoints = 0;  // How many of them hold, signature and root.
  std::uint64_t covered = 0;        // Size of the largest tree that a verified checkpoint signs.
  merkle::Hash root{};              // Of all records read; meaningful only when ok().
  std::vector<Finding> findings;    // At most kMaxFindings; in the order in which they were found.
  std::uint64_t more_findings = 0;  // How many did not fit.

  bool ok() const { return findings.empty(); }
};

// Records go in as the log tells them, from its first; the report comes out. Holds a few hashes for
// each record that is out of place, whatever the log's length. One thread.
class LogVerifier {
 public:
  static constexpr std::size_t kMaxFindings = 1000;
  // Records that wait for a missing one before them. Beyond it the roots of later checkpoints are
  // not checked.
  static constexpr std::size_t kMaxWaiting = 200'000;

  // Every checkpoint there is, in any order.
  LogVerifier(SiteName site, const std::vector<v1::AuditCheckpoint>& checkpoints,
              const SignatureCheck& check);

  void Add(const v1::StoredAuditRecord& record);

  // Call once, after the last record.
  Report Finish();

 private:
  struct Leaf {
    merkle::Hash stored{};    // As the log says that it was when it was written.
    merkle::Hash computed{};  // Of the bytes that are there now.
  };
  struct Signed {
    merkle::Hash root{};
    bool reached = false;
  };

  void Found(Tampering kind, std::uint64_t first, std::uint64_t last, std::string detail);
  std::uint64_t PlaceOf(const v1::StoredAuditRecord& record, const Leaf& leaf, bool has_hash);
  void Place(std::uint64_t sequence, const Leaf& leaf);
  void Grow(const Leaf& leaf);
  void CheckRoots();
  bool Suspected(std::uint64_t first, std::uint64_t last) const;

  SiteName site_;
  Report report_;
  std::multimap<std::uint64_t, Signed> signed_;  // By tree size; only those whose signature holds.

  std::uint64_t next_place_ = 0;                    // One more than the highest place read.
  std::uint64_t offset_ = 0;                        // Of the record before, from its place.
  std::uint64_t next_ = 0;                          // One more than the highest sequence seen.
  std::map<std::uint64_t, std::uint64_t> missing_;  // First and last of each gap below next_.
  std::map<std::uint64_t, Leaf> waiting_;           // Beyond a gap.
  bool roots_given_up_ = false;

  // Two trees, since of a leaf hash and a record that disagree either may be the changed one.
  merkle::Frontier stored_;
  merkle::Frontier computed_;
  std::uint64_t agreed_ = 0;  // The size up to which a signed root confirmed one of the trees.
  bool disagreed_ = false;
};

}  // namespace twinseal::audit
