// What a session and its connection share. Private to this folder.
#pragma once

#include <atomic>
#include <cstdint>

#include "hsm/pkcs11/call_gate.h"
#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

// Written by the session's thread; by another one only while it keeps `gate` closed.
struct SessionState {
  CallGate gate;
  std::atomic<bool> ready = false;
  const CK_FUNCTION_LIST* functions = nullptr;
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  bool open = false;  // `handle` names a session that is to be closed.
  std::uint64_t incarnation = 0;
};

}  // namespace twinseal::hsm
