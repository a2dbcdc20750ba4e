// What the functions of PKCS#11 do, by the standard's chapters. Their names are the standard's
// without the C_, their parameters the standard's; border.h makes C functions of them.
#pragma once

#include "agent/pkcs11/cryptoki.h"
#include "agent/pkcs11/outcome.h"

namespace twinseal::pkcs11::calls {

// v2.40 §5.4 and §5.5: general_calls.cpp
Done Initialize(void* arguments);
Done Finalize(void* reserved);
Done GetInfo(CK_INFO* info);
Done GetSlotList(CK_BBOOL with_token, CK_SLOT_ID* slots, CK_ULONG* count);
Done GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO* info);
Done GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info);
Done GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE* mechanisms, CK_ULONG* count);
Done GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info);
Done WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID* slot, void* reserved);

// v2.40 §5.6, and v3.0 §5.6: session_calls.cpp
Done OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void* application, CK_NOTIFY notify,
                 CK_SESSION_HANDLE* session);
Done CloseSession(CK_SESSION_HANDLE session);
Done CloseAllSessions(CK_SLOT_ID slot);
Done GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO* info);
Done Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size);
Done LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size,
               CK_UTF8CHAR* name, CK_ULONG name_size);
Done Logout(CK_SESSION_HANDLE session);
Done SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS kinds);
Done GetFunctionStatus(CK_SESSION_HANDLE session);
Done CancelFunction(CK_SESSION_HANDLE session);

// v2.40 §5.7 and §5.13: object_calls.cpp
Done CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE* values, CK_ULONG count,
                  CK_OBJECT_HANDLE* object);
Done DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);
Done GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted,
                       CK_ULONG count);
Done SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* values,
                       CK_ULONG count);
Done FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE* wanted, CK_ULONG count);
Done FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects, CK_ULONG most,
                 CK_ULONG* count);
Done FindObjectsFinal(CK_SESSION_HANDLE session);
Done GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism,
                     CK_ATTRIBUTE* public_template, CK_ULONG public_count,
                     CK_ATTRIBUTE* private_template, CK_ULONG private_count,
                     CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key);

// v2.40 §5.10 to §5.12 and §5.14: crypto_calls.cpp
Done DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism);
Done Digest(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* digest,
            CK_ULONG* digest_size);
Done DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size);
Done DigestFinal(CK_SESSION_HANDLE session, CK_BYTE* digest, CK_ULONG* digest_size);
Done SignInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key);
Done Sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* signature,
          CK_ULONG* signature_size);
Done SignUpdate(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size);
Done SignFinal(CK_SESSION_HANDLE session, CK_BYTE* signature, CK_ULONG* signature_size);
Done VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key);
Done Verify(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* signature,
            CK_ULONG signature_size);
Done VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size);
Done VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE* signature, CK_ULONG signature_size);
Done SeedRandom(CK_SESSION_HANDLE session, CK_BYTE* seed, CK_ULONG size);
Done GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE* random, CK_ULONG size);

}  // namespace twinseal::pkcs11::calls
