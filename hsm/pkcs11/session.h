// A session with the token, and the objects that live in it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/attributes.h"
#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/cryptoki.h"
#include "hsm/pkcs11/mechanism.h"

namespace twinseal::hsm {

struct SessionState;

// Names an object on the token within one incarnation of a session. A plain value; owns nothing.
enum class Object : CK_OBJECT_HANDLE {};

// Owns a session object: destroys it when it dies, on every path. For token objects, which stay,
// call Release. Move-only; must not outlive its session; used on the session's thread.
class ObjectHandle {
 public:
  ObjectHandle() = default;
  ObjectHandle(Session& session, Object object);
  ~ObjectHandle();

  ObjectHandle(ObjectHandle&& other) noexcept;
  ObjectHandle& operator=(ObjectHandle&& other) noexcept;
  ObjectHandle(const ObjectHandle&) = delete;
  ObjectHandle& operator=(const ObjectHandle&) = delete;

  Object get() const { return object_; }
  bool valid() const { return session_ != nullptr; }

  // Destroys the object now and says whether that worked. An object whose session was lost is gone
  // already: ok.
  Status Destroy();
  // Gives the object up: it stays on the token.
  Object Release();

 private:
  Session* session_ = nullptr;
  Object object_{};
  std::uint64_t incarnation_ = 0;
};

struct KeyPair {
  ObjectHandle public_key;
  ObjectHandle private_key;
};

// Used by one thread at a time (two threads that share a session mix up its operations, PKCS#11
// v2.40 §5.5).
//
// Ensure() is asked before each piece of work. After a fault that costs the session, every other
// member answers unavailable at once, with the CKR name of the fault as origin, until Ensure() has
// set things up again; then incarnation() is another number and Object values from before mean
// nothing.
//
// Errors everywhere: unavailable when session, token or module is lost; else what the token says,
// with the CKR name as origin. Results are at most kMaxResultBytes.
class Session {
 public:
  static constexpr std::size_t kMaxResultBytes = std::size_t{64} * 1024;

  // Made by Connection::NewSession.
  explicit Session(Connection& connection);
  ~Session();

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Opens the session, logs in and, where needed, initializes the module again. A few nanoseconds
  // when all is well. unavailable while the back-off lasts or when another thread is at it for too
  // long; failed_precondition when the PIN is missing, wrong or locked.
  Status Ensure();
  bool ready() const;
  // Changes when objects that were found or made before are void. Never 0 in a session that was
  // ready once.
  std::uint64_t incarnation() const { return incarnation_; }

  Connection& connection() { return connection_; }

  Result<ObjectHandle> GenerateKey(Mechanism mechanism, Template key);
  Result<KeyPair> GenerateKeyPair(Mechanism mechanism, Template public_key, Template private_key);
  // C_CreateObject: for tests and for public keys; a secret never comes in this way.
  Result<ObjectHandle> CreateObject(Template object);

  Result<Bytes> Wrap(Mechanism mechanism, Object wrapping_key, Object key);
  Result<ObjectHandle> Unwrap(Mechanism mechanism, Object unwrapping_key, BytesView wrapped,
                              Template key);

  // Single-part. ECDSA signatures are r || s as PKCS#11 has them, not DER.
  Result<Bytes> Sign(Mechanism mechanism, Object key, BytesView data);
  // data_loss (CKR_SIGNATURE_INVALID) when the signature is not right. For a MAC see VerifyMac.
  Status Verify(Mechanism mechanism, Object key, BytesView data, BytesView signature);

  // A MAC is made anew by the token and compared here in constant time: some tokens answer C_Verify
  // of a wrong MAC with a device error (NSS softokn), which a wrong one must never look like.
  // data_loss when it is wrong.
  Status VerifyMac(Mechanism mechanism, Object key, BytesView data, BytesView mac);

  // At most `limit` objects that match; never allocates more than that.
  Result<std::vector<Object>> Find(Template match, std::size_t limit = 1024);
  // The one token object of this class and label, remembered until the incarnation changes.
  // not_found when there is none, failed_precondition when there are several.
  Result<Object> FindTokenObject(CK_OBJECT_CLASS object_class, std::string_view label);
  // The same object as a copy that lives in this session, for what is used all the time: a software
  // token looks its files over before each use of a token object. The object itself where the token
  // makes no copy of it. Errors of FindTokenObject.
  Result<Object> SessionCopy(CK_OBJECT_CLASS object_class, std::string_view label);
  // Forgets what these two remember, after token objects were made or destroyed.
  void ForgetTokenObjects();

  Result<Bytes> GetAttribute(Object object, CK_ATTRIBUTE_TYPE type);
  Result<CK_ULONG> GetUlong(Object object, CK_ATTRIBUTE_TYPE type);
  Result<bool> GetBool(Object object, CK_ATTRIBUTE_TYPE type);

  Status Destroy(Object object);

  // From the token's generator.
  Status Random(std::span<std::uint8_t> bytes);

  // The token's mechanisms, and what it says of one.
  Result<std::vector<CK_MECHANISM_TYPE>> Mechanisms();
  Result<CK_MECHANISM_INFO> MechanismInfo(CK_MECHANISM_TYPE type);

 private:
  friend class ObjectHandle;

  // Calls the module when the session is ready, and takes note of what a failure costs.
  template <typename Call>
  Status Invoke(std::string_view doing, Call&& call);
  Status Failed(CK_RV rv, std::string_view doing);
  // Fills `buffer` through `call(out, &size)`, again with a larger one when the token asks for it.
  template <typename Call>
  static CK_RV FillBytes(Bytes& result, Call&& call);

  struct Remembered {
    CK_OBJECT_CLASS object_class;
    std::string label;
    Object object;
    std::optional<Object> copy = {};
  };
  Result<Remembered*> Recall(CK_OBJECT_CLASS object_class, std::string_view label);

  Connection& connection_;
  // Shared with the connection, which outlives a session that dies while the module is being set up
  // again.
  const std::shared_ptr<SessionState> state_;
  std::uint64_t incarnation_ = 0;
  unsigned doubts_ = 0;
  std::vector<Remembered> token_objects_;
};

}  // namespace twinseal::hsm
