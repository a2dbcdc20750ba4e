// The joiner's key pair under which the domain's keys arrive (hsm/wrapping/transport_key.h), and
// what the holder makes of its public half.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// Makes the pair, after destroying an older one. Answers with its SubjectPublicKeyInfo.
// failed_precondition when the appliance is not set up (kNotSetUp) or has a domain; unimplemented,
// naming the mechanism, when the token cannot do it.
Result<Bytes> MakeTransportKey(hsm::Session& session);

// The private half. failed_precondition when there is none.
Result<hsm::Object> FindTransportKey(hsm::Session& session);

// Both halves. Idempotent.
Status DestroyTransportKey(hsm::Session& session);

// Another appliance's public half, as a session object. invalid_argument for anything but a
// SubjectPublicKeyInfo as MakeTransportKey gives it.
Result<hsm::ObjectHandle> ImportTransportKey(hsm::Session& session, BytesView public_key_der);

}  // namespace twinseal::core
