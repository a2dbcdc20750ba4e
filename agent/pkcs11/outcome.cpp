#include "agent/pkcs11/outcome.h"

namespace twinseal::pkcs11 {

Failure FailureOf(const Error& error) {
  const auto rv = [&]() -> CK_RV {
    switch (error.code()) {
      case Code::kInvalidArgument:
      case Code::kOutOfRange:
        return CKR_DATA_INVALID;
      case Code::kNotFound:
        return CKR_KEY_HANDLE_INVALID;
      case Code::kAlreadyExists:
        return CKR_ATTRIBUTE_VALUE_INVALID;
      case Code::kPermissionDenied:
      case Code::kFailedPrecondition:
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
      case Code::kResourceExhausted:
        return CKR_DEVICE_MEMORY;
      case Code::kUnimplemented:
        return CKR_MECHANISM_INVALID;
      case Code::kCanceled:
        return CKR_FUNCTION_CANCELED;
      default:
        return CKR_DEVICE_ERROR;
    }
  }();
  return {rv, error.message()};
}

Failure FailureOfDestroying(const Error& error) {
  Failure failure = FailureOf(error);
  if (failure.rv == CKR_KEY_HANDLE_INVALID) failure.rv = CKR_OBJECT_HANDLE_INVALID;
  if (failure.rv == CKR_KEY_FUNCTION_NOT_PERMITTED) failure.rv = CKR_ACTION_PROHIBITED;
  return failure;
}

}  // namespace twinseal::pkcs11
