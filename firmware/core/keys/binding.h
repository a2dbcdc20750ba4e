// The domain's objects on the token, and the bindings that are made with them.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/secret.h"
#include "firmware/core/vault/blob.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// Valid within one incarnation of the session that found them.
struct DomainKeys {
  hsm::Object domain_kek;
  hsm::Object binding_key;
  hsm::Object site_kek;
};

// failed_precondition when the token was not set up for Twinseal.
Result<DomainKeys> FindDomainKeys(hsm::Session& session);

// Binds the blob (HMAC-SHA-256 in the HSM over everything else in it) and gives its bytes.
Result<Bytes> Bind(hsm::Session& session, const DomainKeys& keys, Blob& blob);

// HMAC-SHA-256 of the HSM's, kBindingSize bytes, under a binding key. What `data` begins with says
// what it is for: "TSLB" for blobs, "twinseal " and a purpose for all else.
Result<Bytes> Hmac(hsm::Session& session, hsm::Object binding_key, BytesView data);

// The key of the vault's marks: an HMAC-SHA-256 of the HSM's over a text that no blob begins with.
Result<Secret> MarksKey(hsm::Session& session, const DomainKeys& keys);

// data_loss when the binding is not the one of these bytes, which DecodeBlob has accepted.
Status VerifyBinding(hsm::Session& session, const DomainKeys& keys, BytesView blob);

}  // namespace twinseal::core
