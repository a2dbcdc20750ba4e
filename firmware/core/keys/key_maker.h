// Makes key pairs in the HSM.
#pragma once

#include "common/base/result.h"
#include "firmware/core/keys/binding.h"
#include "firmware/core/vault/blob.h"
#include "hsm/wrapping/capabilities.h"

namespace twinseal::core {

// Borrows all that it is given; one thread's.
class KeyMaker {
 public:
  KeyMaker(hsm::Session& session, const DomainKeys& keys, const hsm::Capabilities& capabilities)
      : session_(session), keys_(keys), capabilities_(capabilities) {}

  // The pair as a replica blob, or with storage TOKEN as token objects and a reference to them; not
  // bound yet. A signature was made with the private key and verified with the public one. On an
  // error no object is left, nor on the token. unimplemented when this HSM cannot make such a key,
  // or not wrap it.
  Result<Blob> Make(const KeyHeader& header) const;

 private:
  Result<Blob> MakeWrapped(const KeyHeader& header) const;
  Result<Blob> MakeOnToken(const KeyHeader& header) const;

  hsm::Session& session_;
  const DomainKeys& keys_;
  const hsm::Capabilities& capabilities_;
};

}  // namespace twinseal::core
