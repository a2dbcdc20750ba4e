#include "agent/pkcs11/call_context.h"
#include "agent/pkcs11/calls.h"

namespace twinseal::pkcs11::calls {

Done OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void* /*application*/, CK_NOTIFY /*notify*/,
                 CK_SESSION_HANDLE* session) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  TWINSEAL_ASSIGN_OR_RETURN(Token* const token, module->TokenIn(slot));
  if (session == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  if ((flags & CKF_SERIAL_SESSION) == 0) return Failure(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
  *session = module->OpenSession(*token, slot, flags);
  return {};
}

Done CloseSession(CK_SESSION_HANDLE session) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  return module->CloseSession(session);
}

Done CloseAllSessions(CK_SLOT_ID slot) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto module, InitializedLibrary());
  TWINSEAL_RETURN_IF_ERROR(module->TokenIn(slot));
  module->CloseAllSessions(slot);
  return {};
}

Done GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO* info) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  if (info == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  *info = in->Info();
  return {};
}

Done Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  // No key asks for a PIN of its own, and there is nothing for a security officer to do.
  if (user == CKU_CONTEXT_SPECIFIC) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  if (user != CKU_USER) return Failure(CKR_USER_TYPE_INVALID);
  if (pin == nullptr && size > 0) return Failure(CKR_ARGUMENTS_BAD);
  return in->token().Login({pin, size});
}

// Nobody has a name here.
Done LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size,
               CK_UTF8CHAR* /*name*/, CK_ULONG name_size) {
  if (name_size > 0) return Failure(CKR_USER_TYPE_INVALID);
  return Login(session, user, pin, size);
}

Done Logout(CK_SESSION_HANDLE session) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->token().Logout();
}

Done SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS kinds) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->Cancel(kinds);
}

// v2.40 §5.15: of functions that run in parallel, which none does.
Done GetFunctionStatus(CK_SESSION_HANDLE session) {
  TWINSEAL_RETURN_IF_ERROR(In(session));
  return Failure(CKR_FUNCTION_NOT_PARALLEL);
}

Done CancelFunction(CK_SESSION_HANDLE session) { return GetFunctionStatus(session); }

}  // namespace twinseal::pkcs11::calls
