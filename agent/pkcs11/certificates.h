// The certificates of the inventory as objects of a token (PKCS#11 v2.40 §4.6.3).
#pragma once

#include <string>
#include <vector>

#include "agent/pkcs11/attributes.h"
#include "agent/pkcs11/contract.h"
#include "agent/pkcs11/objects.h"

namespace twinseal::pkcs11 {

struct CertificateObject {
  ObjectRef object;
  std::string label;
  std::string id;  // The inventory's; an issuer has none.
  Bytes der;
};

// Of all that the inventory has of some keys, each key's together and its newest import first: one
// certificate for each version of a key, the newest, with its issuers. Applications take any one of
// several with the same CKA_ID. The label is the key's name for the newest version that has one,
// and "NAME version 1" for an older one; an issuer's is that and " issuer 1", 2 for the one above.
std::vector<CertificateObject> ObjectsOf(const std::vector<CertificateFacts>& certificates);

// The name of the key whose certificate or issuer has this label.
std::string KeyNameIn(const std::string& label);

// Those that are known without reading the certificate: class, label, id, value. CKA_ID is that of
// the key's version; issuers have none, so that nobody takes one for the key's certificate.
Attributes ListedAttributesOf(const CertificateObject& certificate);
// All that it has. internal when the certificate cannot be read.
Result<Attributes> AttributesOf(const CertificateObject& certificate);

}  // namespace twinseal::pkcs11
