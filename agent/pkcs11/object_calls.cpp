#include <optional>
#include <span>

#include "agent/pkcs11/call_context.h"
#include "agent/pkcs11/calls.h"
#include "agent/pkcs11/certificate_import.h"
#include "agent/pkcs11/key_pair.h"

namespace twinseal::pkcs11::calls {

Done FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE* wanted, CK_ULONG count) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->FindInit(wanted, count);
}

Done FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE* objects, CK_ULONG most,
                 CK_ULONG* count) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->Find(objects, most, count);
}

Done FindObjectsFinal(CK_SESSION_HANDLE session) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  return in->FindFinal();
}

Done GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* wanted,
                       CK_ULONG count) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  if (wanted == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  TWINSEAL_ASSIGN_OR_RETURN(const Attributes attributes, in->token().AttributesOfHandle(object));
  return Fill(attributes, std::span(wanted, count));
}

// What a key is, an operator decides at the appliances.
Done SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE* values,
                       CK_ULONG /*count*/) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  if (values == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  TWINSEAL_RETURN_IF_ERROR(in->token().AttributesOfHandle(object));
  return Failure(CKR_ACTION_PROHIBITED);
}

Done CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE* values, CK_ULONG count,
                  CK_OBJECT_HANDLE* object) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  if (object == nullptr) return Failure(CKR_ARGUMENTS_BAD);
  TWINSEAL_ASSIGN_OR_RETURN(const Attributes wanted, ReadTemplate(values, count));
  if (!in->writable()) return Failure(CKR_SESSION_READ_ONLY);
  TWINSEAL_ASSIGN_OR_RETURN(*object, ImportCertificate(in->token(), wanted));
  return {};
}

Done DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  if (!in->writable()) return Failure(CKR_SESSION_READ_ONLY);
  const std::optional<ObjectRef> found = in->token().handles().Find(object);
  if (!found) return Failure(CKR_OBJECT_HANDLE_INVALID);
  return found->is_certificate() ? RemoveCertificate(in->token(), *found)
                                 : DestroyKeyOf(in->token(), *found);
}

Done GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM* mechanism,
                     CK_ATTRIBUTE* public_template, CK_ULONG public_count,
                     CK_ATTRIBUTE* private_template, CK_ULONG private_count,
                     CK_OBJECT_HANDLE* public_key, CK_OBJECT_HANDLE* private_key) {
  TWINSEAL_ASSIGN_OR_RETURN(const InSession in, In(session));
  if (mechanism == nullptr || public_key == nullptr || private_key == nullptr)
    return Failure(CKR_ARGUMENTS_BAD);
  TWINSEAL_ASSIGN_OR_RETURN(const Attributes for_public,
                            ReadTemplate(public_template, public_count));
  TWINSEAL_ASSIGN_OR_RETURN(const Attributes for_private,
                            ReadTemplate(private_template, private_count));
  if (!in->writable()) return Failure(CKR_SESSION_READ_ONLY);
  TWINSEAL_ASSIGN_OR_RETURN(const KeyPairHandles made,
                            MakeKeyPair(in->token(), *mechanism, for_public, for_private));
  *public_key = made.public_key;
  *private_key = made.private_key;
  return {};
}

}  // namespace twinseal::pkcs11::calls
