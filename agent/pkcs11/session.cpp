#include "agent/pkcs11/session.h"

#include <algorithm>
#include <utility>

#include "agent/pkcs11/signature_form.h"
#include "common/crypto/public_key.h"

namespace twinseal::pkcs11 {
namespace {

// v3.0 §5.6.9; not in every header.
constexpr CK_FLAGS kFindObjects = 1UL << 6U;

// Null when there is none of the kind.
template <typename Kind, typename Operation>
Kind* UnderWay(Operation& operation) {
  return std::get_if<Kind>(&operation);
}

// Whether the caller only asked for the length, or has too little room, so that the operation
// stays.
Outcome<bool> Fits(std::size_t size, Output output) {
  if (output.size == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  const CK_ULONG room = std::exchange(*output.size, size);
  if (output.buffer == nullptr) return false;
  if (room < size) return Failure(CKR_BUFFER_TOO_SMALL);
  return true;
}

void Write(const Bytes& bytes, Output output) { std::ranges::copy(bytes, output.buffer); }

}  // namespace

CK_SESSION_INFO Session::Info() const {
  const CK_STATE state = token_.logged_in()
                             ? (writable() ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS)
                             : (writable() ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION);
  return {slot_, state, flags_, 0};
}

Done Session::FindInit(const CK_ATTRIBUTE* wanted, CK_ULONG count) {
  const MutexLock lock(mutex_);
  if (operation_.index() != 0) return Failure(CKR_OPERATION_ACTIVE);
  TWINSEAL_ASSIGN_OR_RETURN(Attributes attributes, ReadTemplate(wanted, count));
  operation_.emplace<Search>(token_, std::move(attributes));
  return {};
}

Done Session::Find(CK_OBJECT_HANDLE* handles, CK_ULONG most, CK_ULONG* count) {
  const MutexLock lock(mutex_);
  Search* const search = UnderWay<Search>(operation_);
  if (search == nullptr) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  if (count == nullptr || (handles == nullptr && most > 0)) return Failure(CKR_ARGUMENTS_BAD);
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<CK_OBJECT_HANDLE> found, search->Next(most));
  std::ranges::copy(found, handles);
  *count = found.size();
  return {};
}

Done Session::FindFinal() {
  const MutexLock lock(mutex_);
  if (UnderWay<Search>(operation_) == nullptr) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  operation_ = {};
  return {};
}

Done Session::DigestInit(const CK_MECHANISM* mechanism) {
  const MutexLock lock(mutex_);
  TWINSEAL_ASSIGN_OR_RETURN(const bool begins, Begins<Digesting>(mechanism));
  if (!begins) return {};
  const Mechanism* const known = FindMechanism(mechanism->mechanism);
  if (known == nullptr || known->use != Mechanism::Use::kDigest)
    return Failure(CKR_MECHANISM_INVALID);
  if (mechanism->ulParameterLen != 0) return Failure(CKR_MECHANISM_PARAM_INVALID);
  TWINSEAL_ASSIGN_OR_RETURN(crypto::Hasher hasher, crypto::Hasher::Create(known->hash));
  operation_ = Digesting{std::move(hasher)};
  return {};
}

Done Session::DigestUpdate(BytesView data) {
  const MutexLock lock(mutex_);
  Digesting* const digesting = UnderWay<Digesting>(operation_);
  if (digesting == nullptr) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  digesting->hasher.Update(data);
  digesting->in_parts = true;
  return {};
}

Done Session::Digest(std::optional<BytesView> data, Output output) {
  const MutexLock lock(mutex_);
  Digesting* const digesting = UnderWay<Digesting>(operation_);
  if (digesting == nullptr) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  if (data && digesting->in_parts) return Failure(CKR_OPERATION_ACTIVE);
  TWINSEAL_ASSIGN_OR_RETURN(const bool fits, Fits(digesting->hasher.size(), output));
  if (!fits) return {};
  if (data) digesting->hasher.Update(*data);
  Write(digesting->hasher.Finish(), output);
  operation_ = {};
  return {};
}

template <typename Kind>
Outcome<bool> Session::Begins(const CK_MECHANISM* mechanism) {
  if (mechanism == nullptr && UnderWay<Kind>(operation_) != nullptr) {
    operation_ = {};
    return false;
  }
  if (mechanism == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  if (operation_.index() != 0) return Failure(CKR_OPERATION_ACTIVE);
  return true;
}

template <typename Kind>
Done Session::Start(const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key, bool with_private_key) {
  TWINSEAL_ASSIGN_OR_RETURN(const bool begins, Begins<Kind>(mechanism));
  if (!begins) return {};
  if (with_private_key && !token_.open()) return Failure(CKR_USER_NOT_LOGGED_IN);
  const std::optional<ObjectRef> object = token_.handles().Find(key);
  if (!object || object->is_certificate()) return Failure(CKR_KEY_HANDLE_INVALID);
  if (object->is_private() != with_private_key) return Failure(CKR_KEY_FUNCTION_NOT_PERMITTED);
  Outcome<std::shared_ptr<const KeyFacts>> facts = token_.Facts(object->key, object->version);
  if (!facts.ok() && facts.error().rv == CKR_OBJECT_HANDLE_INVALID)
    return Failure(CKR_KEY_HANDLE_INVALID, facts.error().why);
  if (!facts.ok()) return facts.error();
  TWINSEAL_ASSIGN_OR_RETURN(SignatureInput input,
                            SignatureInput::Begin(*mechanism, (*facts)->algorithm));
  operation_ = Kind{{*object, *std::move(facts), std::move(input)}};
  return {};
}

template <typename Kind>
Done Session::Update(BytesView data) {
  Kind* const operation = UnderWay<Kind>(operation_);
  if (operation == nullptr) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  operation->in_parts = true;
  Done updated = operation->input.Update(data);
  if (!updated.ok()) operation_ = {};
  return updated;
}

Outcome<Prepared> Session::SigningOrVerifying::Finish(std::optional<BytesView> data) {
  if (data) TWINSEAL_RETURN_IF_ERROR(input.Update(*data));
  return input.Finish();
}

Done Session::SignInit(const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  const MutexLock lock(mutex_);
  return Start<Signing>(mechanism, key, true);
}

Done Session::SignUpdate(BytesView data) {
  const MutexLock lock(mutex_);
  return Update<Signing>(data);
}

Done Session::Sign(std::optional<BytesView> data, Output output) {
  const MutexLock lock(mutex_);
  Signing* const signing = UnderWay<Signing>(operation_);
  if (signing == nullptr) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  if (data && signing->in_parts) return Failure(CKR_OPERATION_ACTIVE);
  // The length is known without a signature.
  TWINSEAL_ASSIGN_OR_RETURN(const bool fits, Fits(SignatureSize(signing->algorithm()), output));
  if (!fits) return {};
  Signing operation = std::move(*signing);
  operation_ = {};
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes signature, SignAtAppliance(std::move(operation), data));
  Write(signature, output);
  return {};
}

Outcome<Bytes> Session::SignAtAppliance(Signing operation, std::optional<BytesView> data) {
  TWINSEAL_ASSIGN_OR_RETURN(const Prepared prepared, operation.Finish(data));
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, token_.Connect());
  TWINSEAL_ASSIGN_OR_RETURN(
      Bytes signature,
      connection->Sign({operation.key.key, operation.key.version, prepared.scheme}, prepared.digest,
                       operation.facts->signatures_per_activation));
  TWINSEAL_ASSIGN_OR_RETURN(Bytes raw, ToPkcs11(operation.algorithm(), std::move(signature)));
  return raw;
}

Done Session::VerifyInit(const CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  const MutexLock lock(mutex_);
  return Start<Verifying>(mechanism, key, false);
}

Done Session::VerifyUpdate(BytesView data) {
  const MutexLock lock(mutex_);
  return Update<Verifying>(data);
}

Done Session::Verify(std::optional<BytesView> data, BytesView signature) {
  const MutexLock lock(mutex_);
  Verifying* const verifying = UnderWay<Verifying>(operation_);
  if (verifying == nullptr) return Failure(CKR_OPERATION_NOT_INITIALIZED);
  if (data && verifying->in_parts) return Failure(CKR_OPERATION_ACTIVE);
  Verifying operation = std::move(*verifying);
  operation_ = {};
  return VerifyHere(std::move(operation), data, signature);
}

// In software, with the public key alone.
Done Session::VerifyHere(Verifying operation, std::optional<BytesView> data, BytesView signature) {
  TWINSEAL_ASSIGN_OR_RETURN(const Prepared prepared, operation.Finish(data));
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes encoded, FromPkcs11(operation.algorithm(), signature));
  const Bytes& der = operation.facts->public_keys.at(operation.key.version - 1);
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey public_key, crypto::PublicKey::FromDer(der));
  const Status verified = public_key.Verify(prepared.scheme, prepared.digest, encoded);
  if (verified.ok()) return {};
  if (verified.error().code() == Code::kDataLoss) return Failure(CKR_SIGNATURE_INVALID);
  return verified.error();
}

Done Session::Cancel(CK_FLAGS kinds) {
  const MutexLock lock(mutex_);
  const bool meant = ((kinds & kFindObjects) != 0 && UnderWay<Search>(operation_) != nullptr) ||
                     ((kinds & CKF_DIGEST) != 0 && UnderWay<Digesting>(operation_) != nullptr) ||
                     ((kinds & CKF_SIGN) != 0 && UnderWay<Signing>(operation_) != nullptr) ||
                     ((kinds & CKF_VERIFY) != 0 && UnderWay<Verifying>(operation_) != nullptr);
  if (meant) operation_ = {};
  return {};
}

}  // namespace twinseal::pkcs11
