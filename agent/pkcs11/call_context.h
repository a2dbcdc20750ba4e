// What most calls begin with.
#pragma once

#include <memory>

#include "agent/pkcs11/library.h"

namespace twinseal::pkcs11::calls {

// Holds what a call works with until it is over.
struct InSession {
  std::shared_ptr<Module> module;
  std::shared_ptr<Session> session;

  Session* operator->() const { return session.get(); }
};

// CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SESSION_HANDLE_INVALID.
inline Outcome<InSession> In(CK_SESSION_HANDLE handle) {
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<Module> module, InitializedLibrary());
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<Session> session, module->SessionOf(handle));
  return InSession{std::move(module), std::move(session)};
}

}  // namespace twinseal::pkcs11::calls
