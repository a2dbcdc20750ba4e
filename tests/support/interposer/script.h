// What the interposer does, read from a small text file. One rule a line; '#' begins a comment.
//
//   rule    = function SP action *( SP modifier )
//   function= the name of a Cryptoki function ("C_Sign"), or "*" for every one
//   action  = "error" SP CKR name     answers with it instead of calling the real module ("error
//   CKR_DEVICE_ERROR")
//           / "delay" SP number "ms"  waits, then goes on to the next rule
//           / "hang"                  waits until the script has no such rule any more
//           / "crash"                 ends the process as a crash in the module would
//           / "corrupt"               calls the real module and flips a bit of its result (C_Sign,
//           C_WrapKey) / "hide" SP CKM name      C_GetMechanismList leaves it out,
//           C_GetMechanismInfo does not know it, and calls
//                                     with it answer CKR_MECHANISM_INVALID; stands after
//                                     "C_GetMechanismList"
//   modifier= "after" SP number       the first so many calls are left alone
//           / "times" SP number       then so many calls are hit (without it: all)
//
// The first rule for a function that hits decides; delays add up. The counters of a line that was
// in the script before go on when the script changes. A line that cannot be read makes C_Initialize
// answer CKR_ARGUMENTS_BAD, so that a test does not pass because of a spelling mistake.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/result.h"
#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::interposer {

enum class Action : std::uint8_t { kError, kDelay, kHang, kCrash, kCorrupt, kHide };

struct Rule {
  std::string line;
  std::string function;
  Action action = Action::kError;
  CK_RV rv = CKR_OK;
  std::chrono::milliseconds delay{0};
  CK_MECHANISM_TYPE mechanism = 0;
  std::uint64_t after = 0;
  std::uint64_t times = std::numeric_limits<std::uint64_t>::max();
  // How often the function was called since the rule came in; shared with the same line of the
  // script before.
  std::shared_ptr<std::atomic<std::uint64_t>> calls =
      std::make_shared<std::atomic<std::uint64_t>>(0);

  bool Concerns(std::string_view name) const { return function == "*" || function == name; }
  // Counts a call.
  bool Hits() const {
    const std::uint64_t call = calls->fetch_add(1, std::memory_order_relaxed);
    return call >= after && call - after < times;
  }
};

using Script = std::vector<Rule>;

// invalid_argument with the line that cannot be read.
Result<Script> ParseScript(std::string_view text);

// Gives the lines that both have the counters of `before`.
void KeepCounters(Script& script, const Script& before);

}  // namespace twinseal::interposer
