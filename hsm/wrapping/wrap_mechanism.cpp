#include "hsm/wrapping/wrap_mechanism.h"

#include <algorithm>

#include <fmt/format.h>

namespace twinseal::hsm {
namespace {

struct Entry {
  WrapMechanism mechanism;
  std::string_view name;
  CK_MECHANISM_TYPE native;
};

constexpr std::array kTable = {
    Entry{WrapMechanism::kAesKeyWrapPad, "AES_KEY_WRAP_PAD", CKM_AES_KEY_WRAP_PAD},
    Entry{WrapMechanism::kAesCbcPad, "AES_CBC_PAD", CKM_AES_CBC_PAD},
    Entry{WrapMechanism::kAesKeyWrapKwp, "AES_KEY_WRAP_KWP", CKM_AES_KEY_WRAP_KWP},
    Entry{WrapMechanism::kAesKeyWrap, "AES_KEY_WRAP", CKM_AES_KEY_WRAP},
};

const Entry* Find(WrapMechanism mechanism) {
  const auto* const entry = std::ranges::find(kTable, mechanism, &Entry::mechanism);
  return entry == kTable.end() ? nullptr : entry;
}

Error Unknown() {
  return Error(Code::kDataLoss, "the wrapped key names a wrapping mechanism that does not exist");
}

// What a token answers to wrapped bytes that are damaged differs: some name the bytes, some the
// arguments.
bool BlamesTheBytes(const Error& error) {
  return error.code() == Code::kDataLoss || error.origin() == "CKR_ARGUMENTS_BAD" ||
         error.origin() == "CKR_ATTRIBUTE_VALUE_INVALID" ||
         error.origin() == "CKR_TEMPLATE_INCONSISTENT";
}

}  // namespace

Result<WrapMechanism> WrapMechanismFromNumber(std::uint8_t number) {
  const auto mechanism = static_cast<WrapMechanism>(number);
  if (Find(mechanism) == nullptr) return Unknown();
  return mechanism;
}

std::string_view Name(WrapMechanism mechanism) {
  const Entry* const entry = Find(mechanism);
  return entry != nullptr ? entry->name : "none";
}

CK_MECHANISM_TYPE CkMechanism(WrapMechanism mechanism) {
  const Entry* const entry = Find(mechanism);
  return entry != nullptr ? entry->native : CK_MECHANISM_TYPE{CKM_VENDOR_DEFINED};
}

Result<Bytes> Wrap(Session& session, WrapMechanism mechanism, Object wrapping_key, Object key) {
  const Entry* const entry = Find(mechanism);
  if (entry == nullptr) return Unknown();
  if (mechanism != WrapMechanism::kAesCbcPad)
    return session.Wrap(Mechanism(entry->native), wrapping_key, key);

  std::array<std::uint8_t, Mechanism::kIvSize> iv{};
  TWINSEAL_RETURN_IF_ERROR(session.Random(iv));
  TWINSEAL_ASSIGN_OR_RETURN(Bytes wrapped,
                            session.Wrap(Mechanism::WithIv(entry->native, iv), wrapping_key, key));
  wrapped.insert(wrapped.begin(), iv.begin(), iv.end());
  return wrapped;
}

Result<ObjectHandle> Unwrap(Session& session, WrapMechanism mechanism, Object unwrapping_key,
                            BytesView wrapped, Template key) {
  const Entry* const entry = Find(mechanism);
  if (entry == nullptr) return Unknown();
  Mechanism native(entry->native);
  if (mechanism == WrapMechanism::kAesCbcPad) {
    if (wrapped.size() <= Mechanism::kIvSize) {
      return Error(Code::kDataLoss,
                   "the wrapped key is cut off before its initialization vector ends");
    }
    native = Mechanism::WithIv(entry->native, wrapped.first<Mechanism::kIvSize>());
    wrapped = wrapped.subspan(Mechanism::kIvSize);
  }
  if (wrapped.empty()) return Error(Code::kDataLoss, "the wrapped key is empty");
  auto unwrapped = session.Unwrap(native, unwrapping_key, wrapped, key);
  if (!unwrapped.ok() && BlamesTheBytes(unwrapped.error())) {
    return Error(Code::kDataLoss, unwrapped.error().message(), unwrapped.error().origin());
  }
  return unwrapped;
}

}  // namespace twinseal::hsm
