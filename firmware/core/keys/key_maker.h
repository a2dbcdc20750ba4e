// Makes key pairs in the HSM.
#pragma once

#include "common/base/result.h"
#include "firmware/core/keys/binding.h"
#include "firmware/core/keys/workbench.h"
#include "firmware/core/vault/blob.h"
#include "hsm/wrapping/capabilities.h"

namespace twinseal::core {

// Borrows all that it is given; one thread's.
class KeyMaker {
 public:
  KeyMaker(Workbench& bench, const DomainKeys& keys, const hsm::Capabilities& capabilities)
      : bench_(bench), keys_(keys), capabilities_(capabilities) {}

  // The pair as a replica blob, or with storage TOKEN as token objects and a reference to them; not
  // bound yet. A signature was made with the private key as the blob gives it back and verified
  // with the public one. On an error no object is left, nor on the token. unimplemented when this
  // HSM cannot make such a key, or not wrap it; internal when it made or wrapped a wrong one.
  Result<Blob> Make(const KeyHeader& header) const;

 private:
  Result<Blob> MakeWrapped(const KeyHeader& header) const;
  // What will sign is what comes out of the blob, so it is that which is checked.
  Status CheckWrapped(const Blob& blob) const;
  Result<Blob> MakeOnToken(const KeyHeader& header) const;

  Workbench& bench_;
  const DomainKeys& keys_;
  const hsm::Capabilities& capabilities_;
};

}  // namespace twinseal::core
