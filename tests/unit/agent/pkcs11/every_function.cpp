#include "tests/unit/agent/pkcs11/every_function.h"

#include <array>

namespace twinseal::pkcs11 {
namespace {

// Room for whatever a call writes.
struct Room {
  std::array<CK_BYTE, 1024> bytes{};
  CK_ULONG size = 1024;
  CK_ULONG other_size = 1024;
  CK_OBJECT_HANDLE object = 1;
  CK_OBJECT_HANDLE other_object = 1;
  CK_ATTRIBUTE attribute{CKA_LABEL, nullptr, 0};
  CK_MECHANISM mechanism{CKM_SHA256, nullptr, 0};
  CK_SESSION_INFO session_info{};
};

// A call that is written `CALL(C_Name, ...)` in terms of `module`, `session` and `room`.
#define CALL(name, ...)                                                             \
  NamedCall {                                                                       \
#name, [](CK_FUNCTION_LIST& module, [[maybe_unused]] CK_SESSION_HANDLE session) { \
      [[maybe_unused]] Room room;                                                   \
      return module.name(__VA_ARGS__);                                              \
    } \
  }

}  // namespace

const std::vector<NamedCall>& SessionCalls() {
  static const std::vector<NamedCall> calls = {
      CALL(C_CloseSession, session),
      CALL(C_GetSessionInfo, session, &room.session_info),
      CALL(C_Login, session, CKU_USER, room.bytes.data(), 4),
      CALL(C_Logout, session),
      CALL(C_CreateObject, session, &room.attribute, 1, &room.object),
      CALL(C_DestroyObject, session, 1),
      CALL(C_GetAttributeValue, session, 1, &room.attribute, 1),
      CALL(C_SetAttributeValue, session, 1, &room.attribute, 1),
      CALL(C_FindObjectsInit, session, nullptr, 0),
      CALL(C_FindObjects, session, &room.object, 1, &room.size),
      CALL(C_FindObjectsFinal, session),
      CALL(C_DigestInit, session, &room.mechanism),
      CALL(C_Digest, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_DigestUpdate, session, room.bytes.data(), 1),
      CALL(C_DigestFinal, session, room.bytes.data(), &room.size),
      CALL(C_SignInit, session, &room.mechanism, 1),
      CALL(C_Sign, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_SignUpdate, session, room.bytes.data(), 1),
      CALL(C_SignFinal, session, room.bytes.data(), &room.size),
      CALL(C_VerifyInit, session, &room.mechanism, 1),
      CALL(C_Verify, session, room.bytes.data(), 1, room.bytes.data(), 1),
      CALL(C_VerifyUpdate, session, room.bytes.data(), 1),
      CALL(C_VerifyFinal, session, room.bytes.data(), 1),
      CALL(C_GenerateKeyPair, session, &room.mechanism, nullptr, 0, nullptr, 0, &room.object,
           &room.other_object),
      CALL(C_SeedRandom, session, room.bytes.data(), 1),
      CALL(C_GenerateRandom, session, room.bytes.data(), 1),
      CALL(C_GetFunctionStatus, session),
      CALL(C_CancelFunction, session),
  };
  return calls;
}

const std::vector<NamedCall>& GeneralCalls() {
  static const std::vector<NamedCall> calls = {
      CALL(C_Finalize, nullptr),
      CALL(C_GetInfo, nullptr),
      CALL(C_GetSlotList, CK_TRUE, nullptr, nullptr),
      CALL(C_GetSlotInfo, 0, nullptr),
      CALL(C_GetTokenInfo, 0, nullptr),
      CALL(C_GetMechanismList, 0, nullptr, nullptr),
      CALL(C_GetMechanismInfo, 0, CKM_ECDSA, nullptr),
      CALL(C_WaitForSlotEvent, CKF_DONT_BLOCK, nullptr, nullptr),
      CALL(C_OpenSession, 0, CKF_SERIAL_SESSION, nullptr, nullptr, nullptr),
      CALL(C_CloseAllSessions, 0),
  };
  return calls;
}

const std::vector<NamedCall>& MissingCalls() {
  static const std::vector<NamedCall> calls = {
      CALL(C_InitToken, 0, room.bytes.data(), 4, room.bytes.data()),
      CALL(C_InitPIN, session, room.bytes.data(), 4),
      CALL(C_SetPIN, session, room.bytes.data(), 4, room.bytes.data(), 4),
      CALL(C_GetOperationState, session, room.bytes.data(), &room.size),
      CALL(C_SetOperationState, session, room.bytes.data(), 4, 0, 0),
      CALL(C_CopyObject, session, 1, &room.attribute, 1, &room.object),
      CALL(C_GetObjectSize, session, 1, &room.size),
      CALL(C_EncryptInit, session, &room.mechanism, 1),
      CALL(C_Encrypt, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_EncryptUpdate, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_EncryptFinal, session, room.bytes.data(), &room.size),
      CALL(C_DecryptInit, session, &room.mechanism, 1),
      CALL(C_Decrypt, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_DecryptUpdate, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_DecryptFinal, session, room.bytes.data(), &room.size),
      CALL(C_DigestKey, session, 1),
      CALL(C_SignRecoverInit, session, &room.mechanism, 1),
      CALL(C_SignRecover, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_VerifyRecoverInit, session, &room.mechanism, 1),
      CALL(C_VerifyRecover, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_DigestEncryptUpdate, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_DecryptDigestUpdate, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_SignEncryptUpdate, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_DecryptVerifyUpdate, session, room.bytes.data(), 1, room.bytes.data(), &room.size),
      CALL(C_GenerateKey, session, &room.mechanism, &room.attribute, 1, &room.object),
      CALL(C_WrapKey, session, &room.mechanism, 1, 1, room.bytes.data(), &room.size),
      CALL(C_UnwrapKey, session, &room.mechanism, 1, room.bytes.data(), 1, &room.attribute, 1,
           &room.object),
      CALL(C_DeriveKey, session, &room.mechanism, 1, &room.attribute, 1, &room.object),
  };
  return calls;
}

#undef CALL

}  // namespace twinseal::pkcs11
