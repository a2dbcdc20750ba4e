#include <algorithm>
#include <string_view>

#include "agent/pkcs11/calls.h"
#include "agent/pkcs11/library.h"
#include "agent/pkcs11/mechanisms.h"

namespace twinseal::pkcs11::calls {
namespace {

constexpr CK_VERSION kModuleVersion = {TWINSEAL_VERSION_MAJOR, TWINSEAL_VERSION_MINOR};
constexpr CK_ULONG kMaxPin = 1024;

// Padded with blanks, without a NUL (v2.40 §4.1 of the usage guide).
template <std::size_t Size, typename Char>
void Put(std::string_view text, Char (&field)[Size]) {
  std::fill_n(field, Size, static_cast<Char>(' '));
  std::copy_n(text.begin(), std::min(text.size(), Size), field);
}

// v2.40 §5.2: the count alone without a list, and when the list is too short.
template <typename Item, typename Range>
Done PutList(const Range& range, Item* list, CK_ULONG* count) {
  if (count == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  const CK_ULONG room = std::exchange(*count, static_cast<CK_ULONG>(range.size()));
  if (list == nullptr) return {};
  if (room < range.size()) return Failure(CKR_BUFFER_TOO_SMALL);
  std::ranges::copy(range, list);
  return {};
}

// The module locks with the system's primitives alone.
Done CheckArguments(const CK_C_INITIALIZE_ARGS& arguments) {
  if (arguments.pReserved != nullptr) return Failure(CKR_ARGUMENTS_BAD);
  const int given = (arguments.CreateMutex != nullptr) + (arguments.DestroyMutex != nullptr) +
                    (arguments.LockMutex != nullptr) + (arguments.UnlockMutex != nullptr);
  if (given != 0 && given != 4) return Failure(CKR_ARGUMENTS_BAD);
  if (given == 4 && (arguments.flags & CKF_OS_LOCKING_OK) == 0) return Failure(CKR_CANT_LOCK);
  return {};
}

}  // namespace

Done Initialize(void* arguments) {
  if (arguments != nullptr)
    TWINSEAL_RETURN_IF_ERROR(CheckArguments(*static_cast<CK_C_INITIALIZE_ARGS*>(arguments)));
  return InitializeLibrary();
}

Done Finalize(void* reserved) {
  if (reserved != nullptr) return Failure(CKR_ARGUMENTS_BAD);
  return FinalizeLibrary();
}

Done GetInfo(CK_INFO* info) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  if (info == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  *info = {};
  info->cryptokiVersion = {2, 40};
  Put("Twinseal", info->manufacturerID);
  Put("Twinseal PKCS#11 module", info->libraryDescription);
  info->libraryVersion = kModuleVersion;
  return {};
}

Done GetSlotList(CK_BBOOL /*with_token*/, CK_SLOT_ID* slots, CK_ULONG* count) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  std::vector<CK_SLOT_ID> all;
  for (CK_SLOT_ID slot = 0; slot < module->slot_count(); ++slot) all.push_back(slot);
  return PutList(all, slots, count);
}

Done GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO* info) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  TWINSEAL_ASSIGN_OR_RETURN(const Token* const token, module->TokenIn(slot));
  if (info == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  *info = {};
  Put("Slot of " + token->label(), info->slotDescription);
  Put("Twinseal", info->manufacturerID);
  // It is there whether or not an appliance can be reached at this moment.
  info->flags = CKF_TOKEN_PRESENT | CKF_HW_SLOT;
  info->hardwareVersion = kModuleVersion;
  info->firmwareVersion = kModuleVersion;
  return {};
}

Done GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  TWINSEAL_ASSIGN_OR_RETURN(const Token* const token, module->TokenIn(slot));
  if (info == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  *info = {};
  Put(token->label(), info->label);
  Put("Twinseal", info->manufacturerID);
  Put("Twinseal", info->model);
  Put(token->serial(), info->serialNumber);
  info->flags = CKF_RNG | CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED;
  if (token->needs_login()) info->flags |= CKF_LOGIN_REQUIRED;
  const Module::SessionCount sessions = module->CountSessions(slot);
  info->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
  info->ulSessionCount = sessions.all;
  info->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
  info->ulRwSessionCount = sessions.writable;
  info->ulMaxPinLen = kMaxPin;
  info->ulMinPinLen = 1;
  for (CK_ULONG* const unknown : {&info->ulTotalPublicMemory, &info->ulFreePublicMemory,
                                  &info->ulTotalPrivateMemory, &info->ulFreePrivateMemory}) {
    *unknown = CK_UNAVAILABLE_INFORMATION;
  }
  info->hardwareVersion = kModuleVersion;
  info->firmwareVersion = kModuleVersion;
  return {};
}

Done GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE* mechanisms, CK_ULONG* count) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  TWINSEAL_RETURN_IF_ERROR(module->TokenIn(slot));
  std::vector<CK_MECHANISM_TYPE> types;
  for (const Mechanism& mechanism : Mechanisms()) types.push_back(mechanism.type);
  return PutList(types, mechanisms, count);
}

Done GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  TWINSEAL_RETURN_IF_ERROR(module->TokenIn(slot));
  if (info == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  const Mechanism* const mechanism = FindMechanism(type);
  if (mechanism == nullptr) return Failure(CKR_MECHANISM_INVALID);
  *info = mechanism->Info();
  return {};
}

// Tokens do not come and go.
Done WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID* /*slot*/, void* /*reserved*/) {
  TWINSEAL_RETURN_IF_ERROR(InitializedLibrary());
  return Failure((flags & CKF_DONT_BLOCK) != 0 ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED);
}

}  // namespace twinseal::pkcs11::calls
