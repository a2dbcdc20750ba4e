// Keys and revisions as etcd has them. For the files of this folder.
#pragma once

#include <string>
#include <string_view>

#include "common/ledger/ledger.h"

namespace twinseal::ledger {

inline Revision ToRevision(std::int64_t revision) {
  return static_cast<Revision>(static_cast<std::uint64_t>(revision));
}
inline std::int64_t FromRevision(Revision revision) {
  return static_cast<std::int64_t>(Number(revision));
}

// The first key that comes after this one.
inline std::string KeyBehind(std::string_view key) {
  std::string behind(key);
  behind.push_back('\0');
  return behind;
}

// Sets key and range_end of a request; the limit is left alone. False for a range that can hold no
// key, which etcd would not understand.
template <typename Request>
bool SetRange(const Range& range, Request& request) {
  if (!range.end.empty() && range.end <= range.first) return false;
  // There is no empty key, and as an end "\0" means that there is none.
  const std::string first(1, '\0');
  request.set_key(range.first.empty() ? first : range.first);
  request.set_range_end(range.end.empty() ? first : range.end);
  return true;
}

}  // namespace twinseal::ledger
