// The ledger: the small, strongly consistent record that the sites share. One interface, one test
// suite; SQLite is its engine when an appliance is alone, etcd when it is paired.
//
// Keys are ordered byte strings ("/key/<id>/meta"). Each commit has a revision that is higher than
// that of every commit which ended before it began.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace twinseal::ledger {

// Counts commits, from 1; some that were made at the same time may share one. 0 is before the
// first.
enum class Revision : std::uint64_t {};
constexpr std::uint64_t Number(Revision revision) { return static_cast<std::uint64_t>(revision); }

struct Entry {
  std::string key;
  Bytes value;
  Revision created;   // The commit that made the key.
  Revision modified;  // The commit that last wrote it.
};

// Keys from `first` up to but without `end` (empty: to the last one), in byte order, at most
// `limit` of them (0: all).
struct Range {
  std::string first;
  std::string end;
  std::size_t limit = 0;

  // Every key that begins with `prefix`.
  static Range Prefix(std::string_view prefix, std::size_t limit = 0);
};

struct Listing {
  std::vector<Entry> entries;
  bool more = false;    // The limit cut the listing.
  Revision revision{};  // The listing is of this revision.
};

// A guard holds when the key is absent, or was last written by that very commit.
struct Absent {
  std::string key;
};
struct UnchangedSince {
  std::string key;
  Revision modified;
};
using Guard = std::variant<Absent, UnchangedSince>;

// Holds while the key is as it was read: last written by that commit, or, at revision 0, absent.
Guard AsRead(std::string key, Revision modified);
Guard AsRead(std::string key, const std::optional<Entry>& read);

struct Put {
  std::string key;
  Bytes value;
};
struct Remove {
  std::string key;
};
// Puts an empty value at one of the keys "<key>/<number>": of them all nothing but the newest
// revision counts, so that commits that touch the same may be made together.
struct Touch {
  std::string key;
};
using Write = std::variant<Put, Remove, Touch>;

// All guards hold and all writes happen, or nothing does. A key is written at most once.
struct Transaction {
  std::vector<Guard> guards;
  std::vector<Write> writes;
  bool alone = false;  // No other commit is to have its revision.
};

const std::string& KeyOf(const Guard& guard);
const std::string& KeyOf(const Write& write);
std::string TouchedKey(const Touch& touch, std::size_t number);

// The limits of etcd, so that what one engine takes the other takes (etcd: --max-txn-ops,
// --max-request-bytes).
inline constexpr std::size_t kMaxOperations = 128;
inline constexpr std::size_t kMaxTransactionBytes = std::size_t{1536} * 1024;

// For engines: invalid_argument, saying which rule was broken, for a transaction that is beyond the
// limits, names an empty key or writes one twice.
Status CheckTransaction(const Transaction& transaction);

struct Outcome {
  bool committed = false;  // False: a guard did not hold; nothing happened.
  Revision revision{};     // Of the commit; the newest when nothing happened or was to be changed.
};

// One change, as the feed tells it.
struct Change {
  std::string key;
  std::optional<Bytes> value;  // Nothing: the key was removed.
  Revision revision;
  bool completes = true;  // Nothing more of its revision comes after it.
};

// A running feed. Destroying it stops it and waits for a callback that is under way, so a callback
// must not destroy it.
class Feed {
 public:
  virtual ~Feed() = default;
};

// Thread-safe. Every call may block on disk or network: never call from a reactor's thread.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Nothing when there is no such key.
  virtual Result<std::optional<Entry>> Get(std::string_view key) = 0;
  virtual Result<Listing> List(const Range& range) = 0;
  // As Get, from what is nearby: it never waits for another place, and may be behind by what this
  // place has not heard yet.
  virtual Result<std::optional<Entry>> GetNearby(std::string_view key) = 0;
  // Several keys at once, in their order: as one revision has them where the engine can, else one
  // after the other.
  virtual Result<std::vector<std::optional<Entry>>> GetAll(const std::vector<std::string>& keys);
  virtual Result<std::vector<std::optional<Entry>>> GetAllNearby(
      const std::vector<std::string>& keys);

  // invalid_argument beyond the limits above or for a key written twice; resource_exhausted when
  // the disk is full; unavailable when the outcome is unknown: repeat the identical transaction
  // until it succeeds or finds itself.
  virtual Result<Outcome> Commit(const Transaction& transaction) = 0;

  virtual Result<Revision> CurrentRevision() = 0;
  // The highest that was heard of; asks nobody.
  virtual Revision SeenRevision() = 0;

  // Calls `on_change` from one thread, in order of revision, with every change under `prefix` after
  // `after`; a change that a later one of the same key has overtaken may be left out, so what a
  // follower built up from the feed is always the state of some revision or on its way to it.
  // out_of_range when the changes since `after` are no longer kept, or `after` is still to come:
  // list again and follow from the listing's revision. `on_lost` is called at most once, after
  // which nothing comes any more.
  virtual Result<std::unique_ptr<Feed>> Follow(std::string prefix, Revision after,
                                               std::function<void(const Change&)> on_change,
                                               std::function<void(const Error&)> on_lost) = 0;

  // After it returns, values that were overwritten or removed before it was called are in none of
  // the engine's files, the feed's included. For destroyed keys; the SQLite engine writes its file
  // anew, some 10 ms for each 1,000 keys. unavailable when it cannot be done now.
  virtual Status Purge() = 0;

  // "sqlite 3.40.1", "etcd 3.4.23".
  virtual std::string EngineName() const = 0;
};

// Commits, and repeats the transaction while its outcome is unknown, some times at most. A guard
// that does not hold may then be its own work.
Result<Outcome> CommitForCertain(Ledger& ledger, const Transaction& transaction);

}  // namespace twinseal::ledger
