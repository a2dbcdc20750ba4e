#include "firmware/service/keys/transitions.h"

#include <chrono>
#include <string_view>
#include <utility>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <google/protobuf/util/message_differencer.h>

#include "firmware/policy/key_policy.h"

namespace twinseal::service {
namespace {

Error Refused(const v1::Key& key, std::string_view what) {
  return Error(Code::kFailedPrecondition, fmt::format("the key '{}' {}", key.name(), what));
}

std::string TimeText(std::int64_t unix_ms) {
  return fmt::format("{:%Y-%m-%d %H:%M:%S} UTC",
                     fmt::gmtime(static_cast<std::time_t>(unix_ms / 1000)));
}

// Everything but enabled and disabled.
Status CheckLiving(const v1::Key& key) {
  switch (key.state()) {
    case v1::ENABLED:
    case v1::DISABLED:
      return Ok();
    case v1::PENDING_DESTRUCTION:
      return Refused(key, fmt::format("is to be destroyed on {}; cancel the destruction first",
                                      TimeText(key.destruction_unix_ms())));
    default:
      return Refused(key, "is destroyed; create another one");
  }
}

v1::Key Counted(v1::Key key) {
  key.set_revision(key.revision() + 1);
  return key;
}

}  // namespace

Result<v1::Key> Enable(v1::Key key) {
  TWINSEAL_RETURN_IF_ERROR(CheckLiving(key));
  if (key.state() == v1::ENABLED) return key;
  key.set_state(v1::ENABLED);
  return Counted(std::move(key));
}

Result<v1::Key> Disable(v1::Key key) {
  TWINSEAL_RETURN_IF_ERROR(CheckLiving(key));
  if (key.state() == v1::DISABLED) return key;
  key.set_state(v1::DISABLED);
  return Counted(std::move(key));
}

Result<v1::Key> ReplacePolicy(v1::Key key, const v1::KeyPolicy& policy) {
  TWINSEAL_RETURN_IF_ERROR(CheckLiving(key));
  TWINSEAL_ASSIGN_OR_RETURN(v1::KeyPolicy valid,
                            policy::ValidatePolicy(policy, key.algorithm(), key.storage()));
  if (google::protobuf::util::MessageDifferencer::Equals(valid, key.policy())) return key;
  *key.mutable_policy() = std::move(valid);
  return Counted(std::move(key));
}

Result<v1::Key> ScheduleDestruction(v1::Key key, const v1::ScheduleKeyDestructionRequest& request,
                                    std::int64_t now_unix_ms) {
  TWINSEAL_RETURN_IF_ERROR(CheckLiving(key));
  TWINSEAL_ASSIGN_OR_RETURN(const std::chrono::seconds wait,
                            policy::DestructionWait(request, key.policy()));
  key.set_state(v1::PENDING_DESTRUCTION);
  key.set_destruction_unix_ms(now_unix_ms + std::chrono::milliseconds(wait).count());
  return Counted(std::move(key));
}

Result<v1::Key> CancelDestruction(v1::Key key) {
  if (key.state() == v1::DESTROYED) return Refused(key, "is destroyed already");
  if (key.state() != v1::PENDING_DESTRUCTION) return Refused(key, "is not pending destruction");
  key.set_state(v1::DISABLED);
  key.clear_destruction_unix_ms();
  return Counted(std::move(key));
}

Result<v1::Key> Destroy(v1::Key key, std::int64_t now_unix_ms) {
  if (key.state() == v1::DESTROYED) return Refused(key, "is destroyed already");
  if (key.state() != v1::PENDING_DESTRUCTION) {
    return Refused(key, "is not pending destruction; schedule its destruction first");
  }
  if (now_unix_ms < key.destruction_unix_ms()) {
    return Refused(key, fmt::format("is to be destroyed on {}, not before",
                                    TimeText(key.destruction_unix_ms())));
  }
  key.set_state(v1::DESTROYED);
  key.set_destruction_unix_ms(now_unix_ms);
  return Counted(std::move(key));
}

Status CheckRotation(const v1::Key& key) {
  TWINSEAL_RETURN_IF_ERROR(CheckLiving(key));
  if (key.versions_size() >= kMaxVersions) {
    return Refused(key, fmt::format("has {} versions, the most there can be; create another key",
                                    kMaxVersions));
  }
  return Ok();
}

}  // namespace twinseal::service
