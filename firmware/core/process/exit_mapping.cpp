#include "firmware/core/process/exit_mapping.h"

#include <array>
#include <string_view>
#include <utility>

#include "firmware/core/pin/pin_input.h"
#include "firmware/core/setup/appliance_keys.h"

namespace twinseal::core {

using core_protocol::CoreExit;

CoreExit ExitFor(const Error& error, CoreExit otherwise) {
  static constexpr auto kByOrigin = std::to_array<std::pair<std::string_view, CoreExit>>({
      {kPinMissing, CoreExit::kPinMissing},
      {kPinRefusedBefore, CoreExit::kPinRefusedBefore},
      {kNotSetUp, CoreExit::kNotSetUp},
      {kTokenUnfit, CoreExit::kTokenUnfit},
      {"CKR_PIN_INCORRECT", CoreExit::kPinWrong},
      {"CKR_PIN_INVALID", CoreExit::kPinWrong},
      {"CKR_PIN_LEN_RANGE", CoreExit::kPinWrong},
      {"CKR_PIN_EXPIRED", CoreExit::kPinWrong},
      {"CKR_PIN_LOCKED", CoreExit::kPinLocked},
      {"CKR_USER_PIN_NOT_INITIALIZED", CoreExit::kNotSetUp},
      {"CKR_TOKEN_NOT_PRESENT", CoreExit::kTokenMissing},
      {"CKR_TOKEN_NOT_RECOGNIZED", CoreExit::kTokenMissing},
      {"CKR_SLOT_ID_INVALID", CoreExit::kTokenMissing},
      {"CKR_DEVICE_REMOVED", CoreExit::kTokenMissing},
  });
  for (const auto& [origin, status] : kByOrigin) {
    if (error.origin() == origin) return status;
  }
  return otherwise;
}

}  // namespace twinseal::core
