// The site's local view of all keys: what signing and listing look at, so that they never wait for
// the ledger.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/types.h"
#include "common/ledger/ledger.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

// A key as the ledger had it at a revision. Immutable.
struct KeyView {
  KeyId id;
  v1::Key key;  // Its versions are left out: public keys would triple the directory's size.
  ledger::Revision modified{};
};

// Thread-safe; a lookup costs a hash and a reference. About 700 bytes a key.
class KeyDirectory {
 public:
  using View = std::shared_ptr<const KeyView>;

  // Takes a key in, unless what is there is as new or newer. invalid_argument when `key` has no
  // valid id.
  Status Apply(v1::Key key, ledger::Revision modified);

  // Every key of the ledger has been taken in: from here on, what is not found does not exist.
  void MarkWhole() { whole_ = true; }
  bool whole() const { return whole_; }

  // By name or by id (32 hexadecimal digits; no name looks like that). Null when there is none.
  View Find(std::string_view key) const;
  View Find(const KeyId& id) const;

  // The keys after `after` (exclusive) by name for which `wanted` is true, at most `limit`.
  // `wanted` must be quick.
  struct Page {
    std::vector<View> keys;
    bool more = false;
  };
  Page List(std::string_view after, std::size_t limit,
            const std::function<bool(const v1::Key&)>& wanted) const;

  // By KeyState's number.
  std::map<int, std::uint64_t> CountByState() const;
  std::size_t size() const;

  // Keys pending destruction that are due at this time (milliseconds since 1970), the longest due
  // first.
  std::vector<KeyId> DueAt(std::int64_t unix_ms) const;

 private:
  // Names never change and keys never go (destroyed ones stay as tombstones), so entries stay where
  // they are and the indexes point to them.
  struct Entry {
    std::string name;
    View view;
  };
  using Due = std::pair<std::int64_t, KeyId>;

  std::atomic<bool> whole_ = false;
  mutable Mutex mutex_;
  std::unordered_map<KeyId, Entry> by_id_ TWINSEAL_GUARDED_BY(mutex_);
  std::unordered_map<std::string_view, const Entry*> by_name_ TWINSEAL_GUARDED_BY(mutex_);
  std::map<std::string_view, const Entry*> ordered_ TWINSEAL_GUARDED_BY(mutex_);
  std::map<int, std::uint64_t> counts_ TWINSEAL_GUARDED_BY(mutex_);
  std::set<Due> due_ TWINSEAL_GUARDED_BY(mutex_);
};

// Whether a name could be mistaken for a key id.
bool LooksLikeKeyId(std::string_view text);

}  // namespace twinseal::service
