#include "hsm/pkcs11/session.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <openssl/crypto.h>

#include "hsm/pkcs11/connection_impl.h"
#include "hsm/pkcs11/rv.h"
#include "hsm/pkcs11/session_state.h"

namespace twinseal::hsm {
namespace {

// Holds a wrapped RSA 4096 key and every signature, so that one call does.
constexpr std::size_t kUsualResultBytes = 4096;

// CKR_GENERAL_ERROR so many times in a row.
constexpr unsigned kDoubtsThatEndASession = 3;

// A copy that another session makes of a token object may look like one until it is finished
// (SoftHSM 2.6.1 takes over CKA_TOKEN before it applies the template), so several are looked at
// again before they are believed. A lock around copies would let one that hangs hold all sessions.
constexpr int kLooksAtSeveral = 50;
constexpr auto kPauseBetweenLooks = std::chrono::milliseconds(2);

// Cryptoki takes its inputs without const and only reads them.
CK_BYTE* Input(BytesView bytes) {
  static CK_BYTE empty = 0;
  return bytes.empty() ? &empty : const_cast<CK_BYTE*>(bytes.data());
}

CK_OBJECT_HANDLE Native(Object object) { return static_cast<CK_OBJECT_HANDLE>(object); }

class GatePass {
 public:
  explicit GatePass(CallGate& gate) : gate_(gate), entered_(gate.Enter()) {}
  ~GatePass() {
    if (entered_) gate_.Leave();
  }
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;
  bool entered() const { return entered_; }

 private:
  CallGate& gate_;
  const bool entered_;
};

}  // namespace

ObjectHandle::ObjectHandle(Session& session, Object object)
    : session_(&session), object_(object), incarnation_(session.incarnation()) {}

ObjectHandle::~ObjectHandle() {
  // A failure costs the session, or the object: either way there is nothing more to be done about
  // it here.
  if (valid()) (void)Destroy();
}

ObjectHandle::ObjectHandle(ObjectHandle&& other) noexcept
    : session_(std::exchange(other.session_, nullptr)),
      object_(other.object_),
      incarnation_(other.incarnation_) {}

ObjectHandle& ObjectHandle::operator=(ObjectHandle&& other) noexcept {
  if (this != &other) {
    if (valid()) (void)Destroy();
    session_ = std::exchange(other.session_, nullptr);
    object_ = other.object_;
    incarnation_ = other.incarnation_;
  }
  return *this;
}

Status ObjectHandle::Destroy() {
  Session* const session = std::exchange(session_, nullptr);
  if (session == nullptr || session->incarnation() != incarnation_ || !session->ready())
    return Ok();
  return session->Destroy(object_);
}

Object ObjectHandle::Release() {
  session_ = nullptr;
  return object_;
}

Session::Session(Connection& connection)
    : connection_(connection), state_(std::make_shared<SessionState>()) {
  connection_.impl_->Add(state_);
}

Session::~Session() { connection_.impl_->Remove(state_); }

bool Session::ready() const { return state_->ready.load(std::memory_order_acquire); }

Status Session::Ensure() {
  if (ready()) return Ok();
  token_objects_.clear();
  doubts_ = 0;
  TWINSEAL_RETURN_IF_ERROR(connection_.impl_->Restore(*state_));
  incarnation_ = state_->incarnation;
  return Ok();
}

template <typename Call>
Status Session::Invoke(std::string_view doing, Call&& call) {
  CK_RV rv = CKR_OK;
  {
    const GatePass pass(state_->gate);
    // Read after the gate was passed: whoever closed it has set it by then.
    if (!pass.entered() || !ready()) {
      return Error(Code::kUnavailable, fmt::format("{}: the session with the HSM was lost", doing),
                   "CKR_SESSION_CLOSED");
    }
    rv = call(*state_->functions, state_->handle);
  }
  if (rv == CKR_OK) [[likely]] {
    doubts_ = 0;
    return Ok();
  }
  return Failed(rv, doing);
}

Status Session::Failed(CK_RV rv, std::string_view doing) {
  Error error = RvError(rv, doing);
  // Modules say this of a lost device as well as of one damaged key (SoftHSM, for wrapped bytes):
  // only when nothing else comes any more is it the session's end.
  if (rv == CKR_GENERAL_ERROR && ++doubts_ < kDoubtsThatEndASession) return error;
  if (RvLoss(rv) != Loss::kNothing) connection_.impl_->Fault(*state_, rv, error);
  return error;
}

template <typename Call>
CK_RV Session::FillBytes(Bytes& result, Call&& call) {
  std::array<CK_BYTE, kUsualResultBytes> usual;  // Not initialized on purpose: the token fills it.
  CK_ULONG size = usual.size();
  CK_RV rv = call(usual.data(), &size);
  if (rv == CKR_OK && size <= usual.size()) {
    result.assign(usual.data(), usual.data() + size);
    return CKR_OK;
  }
  if (rv == CKR_OK) return CKR_GENERAL_ERROR;  // More than there was room for.
  if (rv != CKR_BUFFER_TOO_SMALL) return rv;
  size = 0;
  rv = call(nullptr, &size);
  if (rv != CKR_OK) return rv;
  if (size > kMaxResultBytes) return CKR_BUFFER_TOO_SMALL;
  result.resize(size);
  rv = call(result.data(), &size);
  result.resize(rv == CKR_OK ? std::min<std::size_t>(size, result.size()) : 0);
  return rv;
}

Result<ObjectHandle> Session::GenerateKey(Mechanism mechanism, Template key) {
  CK_MECHANISM native = mechanism.Native();
  const auto attributes = key.Attributes();
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  TWINSEAL_RETURN_IF_ERROR(Invoke("C_GenerateKey", [&](const CK_FUNCTION_LIST& module,
                                                       CK_SESSION_HANDLE session) {
    return module.C_GenerateKey(session, &native, attributes.data(), attributes.size(), &handle);
  }));
  return ObjectHandle(*this, Object{handle});
}

Result<KeyPair> Session::GenerateKeyPair(Mechanism mechanism, Template public_key,
                                         Template private_key) {
  CK_MECHANISM native = mechanism.Native();
  const auto for_public = public_key.Attributes();
  const auto for_private = private_key.Attributes();
  CK_OBJECT_HANDLE public_handle = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE private_handle = CK_INVALID_HANDLE;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_GenerateKeyPair", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        return module.C_GenerateKeyPair(session, &native, for_public.data(), for_public.size(),
                                        for_private.data(), for_private.size(), &public_handle,
                                        &private_handle);
      }));
  return KeyPair{ObjectHandle(*this, Object{public_handle}),
                 ObjectHandle(*this, Object{private_handle})};
}

Result<ObjectHandle> Session::CreateObject(Template object) {
  const auto attributes = object.Attributes();
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_CreateObject", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        return module.C_CreateObject(session, attributes.data(), attributes.size(), &handle);
      }));
  return ObjectHandle(*this, Object{handle});
}

Result<Bytes> Session::Wrap(Mechanism mechanism, Object wrapping_key, Object key) {
  CK_MECHANISM native = mechanism.Native();
  Bytes wrapped;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_WrapKey", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        return FillBytes(wrapped, [&](CK_BYTE* out, CK_ULONG* size) {
          return module.C_WrapKey(session, &native, Native(wrapping_key), Native(key), out, size);
        });
      }));
  return wrapped;
}

Result<ObjectHandle> Session::Unwrap(Mechanism mechanism, Object unwrapping_key, BytesView wrapped,
                                     Template key) {
  CK_MECHANISM native = mechanism.Native();
  const auto attributes = key.Attributes();
  CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_UnwrapKey", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        return module.C_UnwrapKey(session, &native, Native(unwrapping_key), Input(wrapped),
                                  wrapped.size(), attributes.data(), attributes.size(), &handle);
      }));
  return ObjectHandle(*this, Object{handle});
}

Result<Bytes> Session::Sign(Mechanism mechanism, Object key, BytesView data) {
  CK_MECHANISM native = mechanism.Native();
  Bytes signature;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_Sign", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        const CK_RV rv = module.C_SignInit(session, &native, Native(key));
        if (rv != CKR_OK) return rv;
        return FillBytes(signature, [&](CK_BYTE* out, CK_ULONG* size) {
          return module.C_Sign(session, Input(data), data.size(), out, size);
        });
      }));
  return signature;
}

Status Session::Verify(Mechanism mechanism, Object key, BytesView data, BytesView signature) {
  CK_MECHANISM native = mechanism.Native();
  return Invoke("C_Verify", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
    const CK_RV rv = module.C_VerifyInit(session, &native, Native(key));
    if (rv != CKR_OK) return rv;
    return module.C_Verify(session, Input(data), data.size(), Input(signature), signature.size());
  });
}

Status Session::VerifyMac(Mechanism mechanism, Object key, BytesView data, BytesView mac) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes expected, Sign(mechanism, key, data));
  if (expected.size() != mac.size() ||
      CRYPTO_memcmp(expected.data(), mac.data(), mac.size()) != 0) {
    return RvError(CKR_SIGNATURE_INVALID, "checking a MAC");
  }
  return Ok();
}

Result<std::vector<Object>> Session::Find(Template match, std::size_t limit) {
  const auto attributes = match.Attributes();
  std::vector<Object> found;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_FindObjects", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        CK_RV rv = module.C_FindObjectsInit(session, attributes.data(), attributes.size());
        if (rv != CKR_OK) return rv;
        std::array<CK_OBJECT_HANDLE, 64> batch{};
        CK_ULONG count = 0;
        do {
          const std::size_t room = std::min(batch.size(), limit - found.size());
          count = 0;
          if (room > 0) rv = module.C_FindObjects(session, batch.data(), room, &count);
          count = std::min<CK_ULONG>(count, room);
          for (std::size_t i = 0; rv == CKR_OK && i < count; ++i) found.push_back(Object{batch[i]});
        } while (rv == CKR_OK && count > 0);
        const CK_RV end = module.C_FindObjectsFinal(session);
        return rv != CKR_OK ? rv : end;
      }));
  return found;
}

Result<Session::Remembered*> Session::Recall(CK_OBJECT_CLASS object_class, std::string_view label) {
  const auto remembered = std::ranges::find_if(token_objects_, [&](const Remembered& entry) {
    return entry.object_class == object_class && entry.label == label;
  });
  if (remembered != token_objects_.end()) return &*remembered;
  Template match;
  match.Ulong(CKA_CLASS, object_class).Bool(CKA_TOKEN, true).Text(CKA_LABEL, label);
  TWINSEAL_ASSIGN_OR_RETURN(std::vector<Object> found, Find(match, 2));
  for (int looks = 1; found.size() > 1 && looks < kLooksAtSeveral; ++looks) {
    std::this_thread::sleep_for(kPauseBetweenLooks);
    TWINSEAL_ASSIGN_OR_RETURN(found, Find(match, 2));
  }
  if (found.empty())
    return Error(Code::kNotFound, fmt::format("the token has no object named '{}'", label));
  if (found.size() > 1) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the token has several objects named '{}'", label));
  }
  return &token_objects_.emplace_back(Remembered{object_class, std::string(label), found.front()});
}

Result<Object> Session::FindTokenObject(CK_OBJECT_CLASS object_class, std::string_view label) {
  TWINSEAL_ASSIGN_OR_RETURN(const Remembered* const found, Recall(object_class, label));
  return found->object;
}

Result<Object> Session::SessionCopy(CK_OBJECT_CLASS object_class, std::string_view label) {
  TWINSEAL_ASSIGN_OR_RETURN(Remembered* const found, Recall(object_class, label));
  if (!found->copy) {
    Template changes;
    changes.Bool(CKA_TOKEN, false);
    const auto attributes = changes.Attributes();
    CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
    const Status copied =
        Invoke("C_CopyObject", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
          return module.C_CopyObject(session, Native(found->object), attributes.data(),
                                     attributes.size(), &handle);
        });
    if (!copied.ok() && !ready()) return copied.error();
    found->copy = copied.ok() ? Object{handle} : found->object;
  }
  return *found->copy;
}

void Session::ForgetTokenObjects() { token_objects_.clear(); }

Result<Bytes> Session::GetAttribute(Object object, CK_ATTRIBUTE_TYPE type) {
  Bytes value;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_GetAttributeValue", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        CK_ATTRIBUTE attribute{type, nullptr, 0};
        CK_RV rv = module.C_GetAttributeValue(session, Native(object), &attribute, 1);
        if (rv != CKR_OK) return rv;
        if (attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION)
          return CK_RV{CKR_ATTRIBUTE_TYPE_INVALID};
        if (attribute.ulValueLen > kMaxResultBytes) return CK_RV{CKR_BUFFER_TOO_SMALL};
        value.resize(attribute.ulValueLen);
        if (value.empty()) return rv;
        attribute.pValue = value.data();
        rv = module.C_GetAttributeValue(session, Native(object), &attribute, 1);
        value.resize(rv == CKR_OK ? std::min<std::size_t>(attribute.ulValueLen, value.size()) : 0);
        return rv;
      }));
  return value;
}

Result<CK_ULONG> Session::GetUlong(Object object, CK_ATTRIBUTE_TYPE type) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes bytes, GetAttribute(object, type));
  CK_ULONG value = 0;
  if (bytes.size() != sizeof value)
    return RvError(CKR_ATTRIBUTE_VALUE_INVALID, "reading a number attribute");
  std::ranges::copy(bytes, reinterpret_cast<std::uint8_t*>(&value));
  return value;
}

Result<bool> Session::GetBool(Object object, CK_ATTRIBUTE_TYPE type) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes bytes, GetAttribute(object, type));
  if (bytes.size() != sizeof(CK_BBOOL))
    return RvError(CKR_ATTRIBUTE_VALUE_INVALID, "reading a boolean attribute");
  return bytes.front() != CK_FALSE;
}

Status Session::Destroy(Object object) {
  return Invoke("C_DestroyObject", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
    return module.C_DestroyObject(session, Native(object));
  });
}

Status Session::Random(std::span<std::uint8_t> bytes) {
  return Invoke("C_GenerateRandom", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
    return module.C_GenerateRandom(session, bytes.data(), bytes.size());
  });
}

Result<std::vector<CK_MECHANISM_TYPE>> Session::Mechanisms() {
  constexpr CK_ULONG kMost = 4096;
  std::vector<CK_MECHANISM_TYPE> mechanisms;
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_GetMechanismList", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        CK_SESSION_INFO info{};
        CK_RV rv = module.C_GetSessionInfo(session, &info);
        if (rv != CKR_OK) return rv;
        CK_ULONG count = 0;
        rv = module.C_GetMechanismList(info.slotID, nullptr, &count);
        if (rv != CKR_OK) return rv;
        if (count > kMost) return CK_RV{CKR_BUFFER_TOO_SMALL};
        mechanisms.resize(count);
        rv = module.C_GetMechanismList(info.slotID, mechanisms.data(), &count);
        mechanisms.resize(rv == CKR_OK ? std::min<std::size_t>(count, mechanisms.size()) : 0);
        return rv;
      }));
  return mechanisms;
}

Result<CK_MECHANISM_INFO> Session::MechanismInfo(CK_MECHANISM_TYPE type) {
  CK_MECHANISM_INFO result{};
  TWINSEAL_RETURN_IF_ERROR(
      Invoke("C_GetMechanismInfo", [&](const CK_FUNCTION_LIST& module, CK_SESSION_HANDLE session) {
        CK_SESSION_INFO info{};
        const CK_RV rv = module.C_GetSessionInfo(session, &info);
        return rv != CKR_OK ? rv : module.C_GetMechanismInfo(info.slotID, type, &result);
      }));
  return result;
}

}  // namespace twinseal::hsm
