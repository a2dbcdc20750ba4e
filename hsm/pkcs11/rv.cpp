#include "hsm/pkcs11/rv.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace twinseal::hsm {
namespace {

struct Entry {
  CK_RV rv;
  std::string_view name;
  Code code;
  Loss loss;
  std::string_view words;
};

// Of PKCS#11 v2.40 §5.1, in numerical order. What is not here is a plain failure of the one call
// (`unknown`).
constexpr std::array kTable = {
#define ROW(rv, code, loss, words) \
  Entry { rv, #rv, Code::code, Loss::loss, words }
    ROW(CKR_CANCEL, kCanceled, kNothing, "the call was cancelled"),
    ROW(CKR_HOST_MEMORY, kUnavailable, kNothing, "the module has no memory left"),
    ROW(CKR_SLOT_ID_INVALID, kUnavailable, kToken, "the slot does not exist any more"),
    ROW(CKR_GENERAL_ERROR, kUnavailable, kSession, "the module reports an unrecoverable error"),
    ROW(CKR_FUNCTION_FAILED, kUnavailable, kNothing, "the module could not carry out the call"),
    ROW(CKR_ARGUMENTS_BAD, kInternal, kNothing, "the module does not accept the call's arguments"),
    ROW(CKR_NO_EVENT, kInternal, kNothing, "there is no slot event"),
    ROW(CKR_NEED_TO_CREATE_THREADS, kFailedPrecondition, kNothing,
        "the module wants to make threads"),
    ROW(CKR_CANT_LOCK, kFailedPrecondition, kNothing,
        "the module cannot be used by several threads"),
    ROW(CKR_ATTRIBUTE_READ_ONLY, kInternal, kNothing, "an attribute cannot be set"),
    ROW(CKR_ATTRIBUTE_SENSITIVE, kPermissionDenied, kNothing,
        "the attribute is secret and stays in the HSM"),
    ROW(CKR_ATTRIBUTE_TYPE_INVALID, kInternal, kNothing, "the object does not have this attribute"),
    ROW(CKR_ATTRIBUTE_VALUE_INVALID, kInternal, kNothing, "an attribute's value is not accepted"),
    ROW(CKR_ACTION_PROHIBITED, kPermissionDenied, kNothing, "the token's policy forbids this"),
    ROW(CKR_DATA_INVALID, kInvalidArgument, kNothing, "the data are not what the mechanism takes"),
    ROW(CKR_DATA_LEN_RANGE, kInvalidArgument, kNothing,
        "the data have a length that the mechanism does not take"),
    ROW(CKR_DEVICE_ERROR, kUnavailable, kToken, "the HSM reports a device error"),
    ROW(CKR_DEVICE_MEMORY, kUnavailable, kNothing, "the HSM has no memory left"),
    ROW(CKR_DEVICE_REMOVED, kUnavailable, kToken, "the HSM was removed"),
    ROW(CKR_ENCRYPTED_DATA_INVALID, kDataLoss, kNothing, "the encrypted data are damaged"),
    ROW(CKR_ENCRYPTED_DATA_LEN_RANGE, kDataLoss, kNothing,
        "the encrypted data have a wrong length"),
    ROW(CKR_FUNCTION_CANCELED, kUnavailable, kNothing, "the HSM cancelled the call"),
    ROW(CKR_FUNCTION_NOT_PARALLEL, kInternal, kNothing, "there is no parallel call"),
    ROW(CKR_FUNCTION_NOT_SUPPORTED, kUnimplemented, kNothing, "the HSM does not support this call"),
    ROW(CKR_KEY_HANDLE_INVALID, kFailedPrecondition, kNothing, "the key does not exist in the HSM"),
    ROW(CKR_KEY_SIZE_RANGE, kUnimplemented, kNothing, "the HSM does not support this key size"),
    ROW(CKR_KEY_TYPE_INCONSISTENT, kUnimplemented, kNothing,
        "the mechanism does not take this type of key"),
    ROW(CKR_KEY_NOT_NEEDED, kInternal, kNothing, "the call takes no key"),
    ROW(CKR_KEY_CHANGED, kInternal, kNothing, "the key is not the one that was saved"),
    ROW(CKR_KEY_NEEDED, kInternal, kNothing, "the call needs a key"),
    ROW(CKR_KEY_INDIGESTIBLE, kPermissionDenied, kNothing, "the key cannot be digested"),
    ROW(CKR_KEY_FUNCTION_NOT_PERMITTED, kPermissionDenied, kNothing,
        "the key is not allowed to do this"),
    ROW(CKR_KEY_NOT_WRAPPABLE, kUnimplemented, kNothing, "the HSM cannot wrap this type of key"),
    ROW(CKR_KEY_UNEXTRACTABLE, kPermissionDenied, kNothing,
        "the key may not leave the HSM, not even wrapped"),
    ROW(CKR_MECHANISM_INVALID, kUnimplemented, kNothing, "the HSM does not have this mechanism"),
    ROW(CKR_MECHANISM_PARAM_INVALID, kUnimplemented, kNothing,
        "the HSM does not take the mechanism's parameter"),
    ROW(CKR_OBJECT_HANDLE_INVALID, kFailedPrecondition, kNothing,
        "the object does not exist in the HSM"),
    ROW(CKR_OPERATION_ACTIVE, kUnavailable, kSession,
        "the session is in the middle of another operation"),
    ROW(CKR_OPERATION_NOT_INITIALIZED, kUnavailable, kSession,
        "the session lost the operation that was begun"),
    ROW(CKR_PIN_INCORRECT, kFailedPrecondition, kNothing, "the PIN is wrong"),
    ROW(CKR_PIN_INVALID, kFailedPrecondition, kNothing,
        "the PIN has characters that the token does not take"),
    ROW(CKR_PIN_LEN_RANGE, kFailedPrecondition, kNothing,
        "the PIN has a length that the token does not take"),
    ROW(CKR_PIN_EXPIRED, kFailedPrecondition, kNothing, "the PIN has expired; set a new one"),
    ROW(CKR_PIN_LOCKED, kFailedPrecondition, kNothing,
        "the PIN is locked after too many wrong ones; the security officer has to set a new one"),
    ROW(CKR_SESSION_CLOSED, kUnavailable, kSession, "the session was closed"),
    ROW(CKR_SESSION_COUNT, kResourceExhausted, kNothing, "the token does not allow more sessions"),
    ROW(CKR_SESSION_HANDLE_INVALID, kUnavailable, kSession, "the session does not exist any more"),
    ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED, kInternal, kNothing,
        "parallel sessions are not supported"),
    ROW(CKR_SESSION_READ_ONLY, kInternal, kNothing, "the session is read-only"),
    ROW(CKR_SESSION_EXISTS, kFailedPrecondition, kNothing,
        "another session with the token is open"),
    ROW(CKR_SESSION_READ_ONLY_EXISTS, kFailedPrecondition, kNothing, "a read-only session is open"),
    ROW(CKR_SESSION_READ_WRITE_SO_EXISTS, kFailedPrecondition, kNothing,
        "the security officer is logged in"),
    ROW(CKR_SIGNATURE_INVALID, kDataLoss, kNothing, "the signature is not right"),
    ROW(CKR_SIGNATURE_LEN_RANGE, kDataLoss, kNothing, "the signature has a wrong length"),
    ROW(CKR_TEMPLATE_INCOMPLETE, kInternal, kNothing,
        "the template lacks an attribute that the HSM wants"),
    ROW(CKR_TEMPLATE_INCONSISTENT, kInternal, kNothing,
        "the template's attributes contradict each other"),
    ROW(CKR_TOKEN_NOT_PRESENT, kUnavailable, kToken, "the token is not present"),
    ROW(CKR_TOKEN_NOT_RECOGNIZED, kUnavailable, kToken, "the token is not recognized"),
    ROW(CKR_TOKEN_WRITE_PROTECTED, kFailedPrecondition, kNothing, "the token is write-protected"),
    ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID, kFailedPrecondition, kNothing,
        "the unwrapping key is not in the HSM"),
    ROW(CKR_UNWRAPPING_KEY_SIZE_RANGE, kUnimplemented, kNothing,
        "the unwrapping key's size is not supported"),
    ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, kUnimplemented, kNothing,
        "the unwrapping key's type does not fit"),
    ROW(CKR_USER_ALREADY_LOGGED_IN, kFailedPrecondition, kNothing, "the user is logged in already"),
    ROW(CKR_USER_NOT_LOGGED_IN, kUnavailable, kSession, "the login was lost"),
    ROW(CKR_USER_PIN_NOT_INITIALIZED, kFailedPrecondition, kNothing,
        "the token's user PIN was never set"),
    ROW(CKR_USER_TYPE_INVALID, kInternal, kNothing, "the token does not know this kind of user"),
    ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, kFailedPrecondition, kNothing,
        "another user is logged in"),
    ROW(CKR_USER_TOO_MANY_TYPES, kFailedPrecondition, kNothing,
        "too many kinds of users are logged in"),
    ROW(CKR_WRAPPED_KEY_INVALID, kDataLoss, kNothing,
        "the wrapped key is damaged or was wrapped under another key"),
    ROW(CKR_WRAPPED_KEY_LEN_RANGE, kDataLoss, kNothing, "the wrapped key has a wrong length"),
    ROW(CKR_WRAPPING_KEY_HANDLE_INVALID, kFailedPrecondition, kNothing,
        "the wrapping key is not in the HSM"),
    ROW(CKR_WRAPPING_KEY_SIZE_RANGE, kUnimplemented, kNothing,
        "the wrapping key's size is not supported"),
    ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT, kUnimplemented, kNothing,
        "the wrapping key's type does not fit"),
    ROW(CKR_RANDOM_SEED_NOT_SUPPORTED, kUnimplemented, kNothing,
        "the token's generator takes no seed"),
    ROW(CKR_RANDOM_NO_RNG, kUnimplemented, kNothing, "the token has no random generator"),
    ROW(CKR_DOMAIN_PARAMS_INVALID, kUnimplemented, kNothing, "the HSM does not support this curve"),
    ROW(CKR_CURVE_NOT_SUPPORTED, kUnimplemented, kNothing, "the HSM does not support this curve"),
    ROW(CKR_BUFFER_TOO_SMALL, kInternal, kNothing, "the result is longer than its buffer"),
    ROW(CKR_SAVED_STATE_INVALID, kInternal, kNothing, "the saved state is not right"),
    ROW(CKR_INFORMATION_SENSITIVE, kPermissionDenied, kNothing,
        "the information is secret and stays in the HSM"),
    ROW(CKR_STATE_UNSAVEABLE, kInternal, kNothing, "the state cannot be saved"),
    ROW(CKR_CRYPTOKI_NOT_INITIALIZED, kUnavailable, kModule,
        "the module is not initialized any more"),
    ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED, kFailedPrecondition, kNothing,
        "the module is initialized already"),
    ROW(CKR_MUTEX_BAD, kUnavailable, kModule, "the module's locks are broken"),
    ROW(CKR_MUTEX_NOT_LOCKED, kUnavailable, kModule, "the module's locks are broken"),
    ROW(CKR_FUNCTION_REJECTED, kPermissionDenied, kNothing, "the token rejected the call"),
#undef ROW
};

const Entry* FindEntry(CK_RV rv) {
  const auto* const entry = std::ranges::find(kTable, rv, &Entry::rv);
  return entry == kTable.end() ? nullptr : entry;
}

}  // namespace

std::string RvName(CK_RV rv) {
  if (rv == CKR_OK) return "CKR_OK";
  const Entry* const entry = FindEntry(rv);
  return entry != nullptr ? std::string(entry->name) : fmt::format("CKR_0x{:08x}", rv);
}

CK_RV RvFromName(std::string_view name) {
  if (name == "CKR_OK") return CKR_OK;
  const auto* const entry = std::ranges::find(kTable, name, &Entry::name);
  if (entry != kTable.end()) return entry->rv;
  constexpr std::string_view kNumber = "CKR_0x";
  CK_RV rv = CKR_GENERAL_ERROR;
  if (name.starts_with(kNumber)) {
    const std::string_view digits = name.substr(kNumber.size());
    (void)std::from_chars(digits.data(), digits.data() + digits.size(), rv, 16);
  }
  return rv;
}

Code RvCode(CK_RV rv) {
  const Entry* const entry = FindEntry(rv);
  return entry != nullptr ? entry->code : Code::kUnknown;
}

Loss RvLoss(CK_RV rv) {
  const Entry* const entry = FindEntry(rv);
  return entry != nullptr ? entry->loss : Loss::kNothing;
}

Error RvError(CK_RV rv, std::string_view doing, std::source_location where) {
  const Entry* const entry = FindEntry(rv);
  const std::string_view words =
      entry != nullptr ? entry->words : "the HSM answered with a code of its own";
  std::string name = RvName(rv);
  std::string message = fmt::format("{}: {} ({})", doing, words, name);
  return Error(RvCode(rv), std::move(message), std::move(name), where);
}

}  // namespace twinseal::hsm
