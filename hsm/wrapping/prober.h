// Tries each thing once. Private to this folder.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hsm/wrapping/capabilities.h"

namespace twinseal::hsm {

// What NSS softokn wants in a private key's unwrap template: an id, and the public value that
// belongs to the key.
void AddNssAttributes(Template& key, BytesView public_value);

class CapabilityProber {
 public:
  explicit CapabilityProber(Session& session) : session_(session) {}

  Result<Capabilities> Run();

 private:
  // A wrapping key, and a key pair to be wrapped under it.
  struct Subject {
    ObjectHandle kek;
    KeyPair pair;
    PublicValue public_value;
  };

  Status ProbeSecretKeys();
  Status ProbeKind(KeyKind kind);
  void InferLargerRsa(KeyKind kind);
  void Tell();

  Result<Subject> MakeSubject(KeyKind kind);
  Status TrySigning(KeyKind kind, Object private_key, Object public_key);
  Status TryWrapping(KeyKind kind, WrapMechanism mechanism, const Subject& subject);
  Status TrySecretWrapping(WrapMechanism mechanism);

  bool Listed(CK_MECHANISM_TYPE type) const;
  // A refusal may cost the session: that is the probe's doing, and is mended before it goes on.
  Status Mend();

  Session& session_;
  std::vector<CK_MECHANISM_TYPE> listed_;
  Capabilities result_;
};

}  // namespace twinseal::hsm
