// The C border: the function list of Cryptoki 2.40, made from one list of names.
#include <string_view>
#include <tuple>
#include <type_traits>

#include "tests/support/interposer/interposer.h"

namespace twinseal::interposer {
namespace {

// Version 14 lays this list out differently each time.
// clang-format off
#define TWINSEAL_CRYPTOKI_FUNCTIONS(X) \
  X(C_Initialize) X(C_Finalize) X(C_GetInfo) \
  X(C_GetFunctionList) X(C_GetSlotList) X(C_GetSlotInfo) \
  X(C_GetTokenInfo) X(C_GetMechanismList) X(C_GetMechanismInfo) \
  X(C_InitToken) X(C_InitPIN) X(C_SetPIN) \
  X(C_OpenSession) X(C_CloseSession) X(C_CloseAllSessions) \
  X(C_GetSessionInfo) X(C_GetOperationState) X(C_SetOperationState) \
  X(C_Login) X(C_Logout) X(C_CreateObject) \
  X(C_CopyObject) X(C_DestroyObject) X(C_GetObjectSize) \
  X(C_GetAttributeValue) X(C_SetAttributeValue) X(C_FindObjectsInit) \
  X(C_FindObjects) X(C_FindObjectsFinal) X(C_EncryptInit) \
  X(C_Encrypt) X(C_EncryptUpdate) X(C_EncryptFinal) \
  X(C_DecryptInit) X(C_Decrypt) X(C_DecryptUpdate) \
  X(C_DecryptFinal) X(C_DigestInit) X(C_Digest) \
  X(C_DigestUpdate) X(C_DigestKey) X(C_DigestFinal) \
  X(C_SignInit) X(C_Sign) X(C_SignUpdate) \
  X(C_SignFinal) X(C_SignRecoverInit) X(C_SignRecover) \
  X(C_VerifyInit) X(C_Verify) X(C_VerifyUpdate) \
  X(C_VerifyFinal) X(C_VerifyRecoverInit) X(C_VerifyRecover) \
  X(C_DigestEncryptUpdate) X(C_DecryptDigestUpdate) X(C_SignEncryptUpdate) \
  X(C_DecryptVerifyUpdate) X(C_GenerateKey) X(C_GenerateKeyPair) \
  X(C_WrapKey) X(C_UnwrapKey) X(C_DeriveKey) \
  X(C_SeedRandom) X(C_GenerateRandom) X(C_GetFunctionStatus) \
  X(C_CancelFunction) X(C_WaitForSlotEvent)
// clang-format on

// The module is a process-wide thing by Cryptoki's design: so is this.
Interposer& Instance() {
  static Interposer instance;
  return instance;
}

CK_FUNCTION_LIST* OwnList();

// The result of C_Sign and C_WrapKey is their last but one argument, its length the last.
void FlipBit(CK_BYTE* bytes, const CK_ULONG* size) {
  if (bytes != nullptr && size != nullptr && *size > 0) bytes[*size / 2] ^= 0x10U;
}

CK_RV LeaveOutHidden(CK_MECHANISM_TYPE* list, CK_ULONG* count) {
  // A call for the number alone may answer with more than there will be (PKCS#11 v2.40 §5.2).
  if (list == nullptr) return CKR_OK;
  CK_ULONG kept = 0;
  for (CK_ULONG i = 0; i < *count; ++i) {
    if (!Instance().Hidden(list[i])) list[kept++] = list[i];
  }
  *count = kept;
  return CKR_OK;
}

template <typename... Args>
bool UsesHidden(Args... args) {
  bool hidden = false;
  const auto look = [&hidden](auto argument) {
    if constexpr (std::is_same_v<decltype(argument), CK_MECHANISM*>) {
      hidden = hidden || (argument != nullptr && Instance().Hidden(argument->mechanism));
    }
  };
  (look(args), ...);
  return hidden;
}

#define NAME_TAG(name)                               \
  struct Tag_##name {                                \
    static constexpr std::string_view kName = #name; \
  };
TWINSEAL_CRYPTOKI_FUNCTIONS(NAME_TAG)
#undef NAME_TAG

template <typename Tag, auto kMember>
struct Forward;

template <typename Tag, typename... Args, CK_RV (*CK_FUNCTION_LIST::*kMember)(Args...)>
struct Forward<Tag, kMember> {
  static CK_RV Call(Args... args) noexcept {
    try {
      return Work(args...);
    } catch (...) {
      return CKR_GENERAL_ERROR;
    }
  }

 private:
  static CK_RV Work(Args... args) {
    Interposer& interposer = Instance();
    if constexpr (std::is_same_v<Tag, Tag_C_GetFunctionList>) {
      const CK_RV configured = interposer.Configure();
      return configured != CKR_OK ? configured : ((*args = OwnList()), ..., CKR_OK);
    } else {
      if constexpr (std::is_same_v<Tag, Tag_C_Initialize>) {
        if (const CK_RV rv = interposer.Configure(); rv != CKR_OK) return rv;
      }
      const CK_FUNCTION_LIST* const real = interposer.real();
      if (real == nullptr) return CKR_CRYPTOKI_NOT_INITIALIZED;
      const Verdict verdict = interposer.Before(Tag::kName);
      if (verdict.rv != CKR_OK) return verdict.rv;
      if (UsesHidden(args...)) return CKR_MECHANISM_INVALID;
      const CK_RV rv = (real->*kMember)(args...);
      return rv != CKR_OK ? rv : After(verdict, args...);
    }
  }

  static CK_RV After(const Verdict& verdict, Args... args) {
    const std::tuple<Args...> all(args...);
    if constexpr (std::is_same_v<Tag, Tag_C_Sign> || std::is_same_v<Tag, Tag_C_WrapKey>) {
      if (verdict.corrupt)
        FlipBit(std::get<sizeof...(Args) - 2>(all), std::get<sizeof...(Args) - 1>(all));
    }
    if constexpr (std::is_same_v<Tag, Tag_C_GetMechanismList>) {
      return LeaveOutHidden(std::get<1>(all), std::get<2>(all));
    }
    if constexpr (std::is_same_v<Tag, Tag_C_GetMechanismInfo>) {
      if (Instance().Hidden(std::get<1>(all))) return CKR_MECHANISM_INVALID;
    }
    return CKR_OK;
  }
};

CK_FUNCTION_LIST* OwnList() {
  static CK_FUNCTION_LIST list = [] {
    CK_FUNCTION_LIST made{};
    made.version = {2, 40};
#define FILL(name) made.name = Forward<Tag_##name, &CK_FUNCTION_LIST::name>::Call;
    TWINSEAL_CRYPTOKI_FUNCTIONS(FILL)
#undef FILL
    return made;
  }();
  return &list;
}

}  // namespace
}  // namespace twinseal::interposer

extern "C" __attribute__((visibility("default"))) CK_RV C_GetFunctionList(
    CK_FUNCTION_LIST** list) noexcept {
  return list == nullptr ? CKR_ARGUMENTS_BAD
                         : twinseal::interposer::OwnList()->C_GetFunctionList(list);
}
