#include <algorithm>

#include "agent/pkcs11/call_context.h"
#include "agent/pkcs11/calls.h"

namespace twinseal::pkcs11::calls {
namespace {

// Nothing when there is a length without data.
std::optional<BytesView> View(const CK_BYTE* data, CK_ULONG size) {
  if (data == nullptr && size > 0) return std::nullopt;
  return BytesView(data, size);
}

}  // namespace

Done DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->DigestInit(mechanism);
}

Done Digest(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* digest,
            CK_ULONG* digest_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  const auto view = View(data, size);
  if (!view) return Failure(CKR_ARGUMENTS_BAD);
  return in->Digest(view, {digest, digest_size});
}

Done DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  const auto view = View(data, size);
  if (!view) return Failure(CKR_ARGUMENTS_BAD);
  return in->DigestUpdate(*view);
}

Done DigestFinal(CK_SESSION_HANDLE session, CK_BYTE* digest, CK_ULONG* digest_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->Digest(std::nullopt, {digest, digest_size});
}

Done SignInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->SignInit(mechanism, key);
}

Done Sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* signature,
          CK_ULONG* signature_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  const auto view = View(data, size);
  if (!view) return Failure(CKR_ARGUMENTS_BAD);
  return in->Sign(view, {signature, signature_size});
}

Done SignUpdate(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  const auto view = View(data, size);
  if (!view) return Failure(CKR_ARGUMENTS_BAD);
  return in->SignUpdate(*view);
}

Done SignFinal(CK_SESSION_HANDLE session, CK_BYTE* signature, CK_ULONG* signature_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->Sign(std::nullopt, {signature, signature_size});
}

Done VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism, CK_OBJECT_HANDLE key) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->VerifyInit(mechanism, key);
}

Done Verify(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* signature,
            CK_ULONG signature_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  const auto view = View(data, size);
  const auto given = View(signature, signature_size);
  if (!view || !given) return Failure(CKR_ARGUMENTS_BAD);
  return in->Verify(view, *given);
}

Done VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  const auto view = View(data, size);
  if (!view) return Failure(CKR_ARGUMENTS_BAD);
  return in->VerifyUpdate(*view);
}

Done VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE* signature, CK_ULONG signature_size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  const auto given = View(signature, signature_size);
  if (!given) return Failure(CKR_ARGUMENTS_BAD);
  return in->Verify(std::nullopt, *given);
}

// The HSM needs none.
Done SeedRandom(CK_SESSION_HANDLE session, CK_BYTE* /*seed*/, CK_ULONG /*size*/) {
  TWINSEAL_RETURN_IF_ERROR(In(session));
  return Failure(CKR_RANDOM_SEED_NOT_SUPPORTED);
}

Done GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE* random, CK_ULONG size) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  if (random == nullptr && size > 0) return Failure(CKR_ARGUMENTS_BAD);
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, in->token().Connect());
  for (CK_ULONG done = 0; done < size;) {
    const std::size_t part = std::min<std::size_t>(size - done, Contract::kMaxRandom);
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes bytes, connection->contract().Random(part));
    std::ranges::copy(bytes, random + done);
    done += part;
  }
  return {};
}

}  // namespace twinseal::pkcs11::calls
