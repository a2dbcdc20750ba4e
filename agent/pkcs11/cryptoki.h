// The Cryptoki header, and what PKCS#11 v3.0 adds that the header of Debian 12's p11-kit does not
// have yet.
#pragma once

#include <p11-kit/pkcs11.h>

#if CRYPTOKI_VERSION_MAJOR < 3

#ifndef CKA_UNIQUE_ID
#define CKA_UNIQUE_ID (0x4UL)
#endif

// v3.0 §5.1: what C_GetInterface gives.
struct CK_INTERFACE {
  char* pInterfaceName;
  void* pFunctionList;
  CK_FLAGS flags;
};

// v3.0 §5.19 and §5.8 to §5.15: what follows the functions of v2.40 in CK_FUNCTION_LIST_3_0.
using CK_C_GetInterfaceList = CK_RV (*)(CK_INTERFACE*, CK_ULONG*);
using CK_C_GetInterface = CK_RV (*)(CK_UTF8CHAR*, CK_VERSION*, CK_INTERFACE**, CK_FLAGS);
using CK_C_LoginUser = CK_RV (*)(CK_SESSION_HANDLE, CK_USER_TYPE, CK_UTF8CHAR*, CK_ULONG,
                                 CK_UTF8CHAR*, CK_ULONG);
using CK_C_SessionCancel = CK_RV (*)(CK_SESSION_HANDLE, CK_FLAGS);
using CkMessageInit = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE);
using CkMessageCrypt = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*,
                                 CK_ULONG, CK_BYTE*, CK_ULONG*);
using CkMessageCryptBegin = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG);
using CkMessageCryptNext = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG,
                                     CK_BYTE*, CK_ULONG*, CK_FLAGS);
using CkMessageFinal = CK_RV (*)(CK_SESSION_HANDLE);
using CkSignMessage = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*,
                                CK_ULONG*);
using CkMessageBegin = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG);
using CkVerifyMessage = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, CK_BYTE*, CK_ULONG, CK_BYTE*,
                                  CK_ULONG);

struct CK_FUNCTION_LIST_3_0 : CK_FUNCTION_LIST {
  CK_C_GetInterfaceList C_GetInterfaceList;
  CK_C_GetInterface C_GetInterface;
  CK_C_LoginUser C_LoginUser;
  CK_C_SessionCancel C_SessionCancel;
  CkMessageInit C_MessageEncryptInit;
  CkMessageCrypt C_EncryptMessage;
  CkMessageCryptBegin C_EncryptMessageBegin;
  CkMessageCryptNext C_EncryptMessageNext;
  CkMessageFinal C_MessageEncryptFinal;
  CkMessageInit C_MessageDecryptInit;
  CkMessageCrypt C_DecryptMessage;
  CkMessageCryptBegin C_DecryptMessageBegin;
  CkMessageCryptNext C_DecryptMessageNext;
  CkMessageFinal C_MessageDecryptFinal;
  CkMessageInit C_MessageSignInit;
  CkSignMessage C_SignMessage;
  CkMessageBegin C_SignMessageBegin;
  CkSignMessage C_SignMessageNext;
  CkMessageFinal C_MessageSignFinal;
  CkMessageInit C_MessageVerifyInit;
  CkVerifyMessage C_VerifyMessage;
  CkMessageBegin C_VerifyMessageBegin;
  CkVerifyMessage C_VerifyMessageNext;
  CkMessageFinal C_MessageVerifyFinal;
};

#endif
