// A session: virtual, so that it outlives any connection and any site.
#pragma once

#include <optional>
#include <span>
#include <variant>

#include "agent/pkcs11/search.h"
#include "agent/pkcs11/signature_input.h"
#include "agent/pkcs11/token.h"
#include "common/base/mutex.h"
#include "common/crypto/digest.h"

namespace twinseal::pkcs11 {

// Where a function writes what it gives (v2.40 §5.2): with no buffer it tells the length, and a
// buffer that is too small leaves the operation as it is.
struct Output {
  CK_BYTE* buffer;
  CK_ULONG* size;
};

// One operation at a time. A lock is held while a function works in a session, so threads that
// share one wait for each other.
class Session {
 public:
  Session(Token& token, CK_SLOT_ID slot, CK_FLAGS flags)
      : token_(token), slot_(slot), flags_(flags) {}

  Token& token() const { return token_; }
  CK_SLOT_ID slot() const { return slot_; }
  bool writable() const { return (flags_ & CKF_RW_SESSION) != 0; }
  CK_SESSION_INFO Info() const;

  Done FindInit(const CK_ATTRIBUTE* wanted, CK_ULONG count);
  Done Find(CK_OBJECT_HANDLE* handles, CK_ULONG most, CK_ULONG* count);
  Done FindFinal();

  // Without a mechanism they end the operation (v3.0 §5.13.1).
  Done DigestInit(const CK_MECHANISM* mechanism);
  Done DigestUpdate(BytesView data);
  Done Digest(std::optional<BytesView> data, Output output);

  Done SignInit(const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key);
  Done SignUpdate(BytesView data);
  // With all the data, or with what came before.
  Done Sign(std::optional<BytesView> data, Output output);

  Done VerifyInit(const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key);
  Done VerifyUpdate(BytesView data);
  Done Verify(std::optional<BytesView> data, BytesView signature);

  // Ends what is under way of the kinds in CKF_SIGN, CKF_FIND_OBJECTS and so on.
  Done Cancel(CK_FLAGS kinds);

 private:
  struct Digesting {
    crypto::Hasher hasher;
    bool in_parts = false;
  };
  struct SigningOrVerifying {
    ObjectRef key;
    std::shared_ptr<const KeyFacts> facts;
    SignatureInput input;
    bool in_parts = false;

    v1::Algorithm algorithm() const { return facts->algorithm; }
    // The operation's last data, which ends it whatever comes of it.
    Outcome<Prepared> Finish(std::optional<BytesView> data);
  };
  struct Signing : SigningOrVerifying {};
  struct Verifying : SigningOrVerifying {};
  using Operation = std::variant<std::monostate, Search, Digesting, Signing, Verifying>;

  // Whether an operation of the kind may begin; one under way is ended, and none begins, when there
  // is no mechanism.
  template <typename Kind>
  Outcome<bool> Begins(const CK_MECHANISM* mechanism) TWINSEAL_REQUIRES(mutex_);
  template <typename Kind>
  Done Start(const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key, bool with_private_key)
      TWINSEAL_REQUIRES(mutex_);
  template <typename Kind>
  Done Update(BytesView data) TWINSEAL_REQUIRES(mutex_);
  Outcome<Bytes> SignAtAppliance(Signing operation, std::optional<BytesView> data);
  Done VerifyHere(Verifying operation, std::optional<BytesView> data, BytesView signature);

  Token& token_;
  const CK_SLOT_ID slot_;
  const CK_FLAGS flags_;
  Mutex mutex_;
  Operation operation_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::pkcs11
