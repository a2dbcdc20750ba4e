// What a change makes of a key record: pure functions, one a change. Each gives the key as it is
// afterwards, its revision counted up; the same revision says that there is nothing to do.
// failed_precondition says what has to be done first.
#pragma once

#include <cstdint>

#include "common/base/result.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

// So that a key's destruction, which removes every version's blob at once, stays within one ledger
// transaction.
inline constexpr int kMaxVersions = 100;

Result<v1::Key> Enable(v1::Key key);
Result<v1::Key> Disable(v1::Key key);
// `policy` replaces the key's whole policy and is validated here.
Result<v1::Key> ReplacePolicy(v1::Key key, const v1::KeyPolicy& policy);
Result<v1::Key> ScheduleDestruction(v1::Key key, const v1::ScheduleKeyDestructionRequest& request,
                                    std::int64_t now_unix_ms);
// The key is disabled afterwards: whoever wants it to sign again enables it deliberately.
Result<v1::Key> CancelDestruction(v1::Key key);
Result<v1::Key> Destroy(v1::Key key, std::int64_t now_unix_ms);
// Whether the key may have a new version.
Status CheckRotation(const v1::Key& key);

}  // namespace twinseal::service
