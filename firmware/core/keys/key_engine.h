// All that is ever done with keys: making, changing, installing, erasing them, and activations.
//
// An activation (docs/blob-format.md): the vault blob's binding is verified in the HSM; its KEK is
// unwrapped under the site KEK and the private key under the KEK; everything asked for is signed;
// the key is wrapped under a KEK made afresh, that one under the site KEK, and the new blob bound;
// the three session objects are destroyed and the new blob is stored. Only then are signatures
// released, and only after what has to be verified was.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "firmware/core/keys/workbench.h"
#include "firmware/core/vault/blob.h"
#include "firmware/core/vault/vault.h"
#include "hsm/wrapping/capabilities.h"

namespace twinseal::core {

struct SignItem {
  v1::Scheme scheme;
  Bytes digest;  // For ed25519 the message itself.
};

// One waiting caller's work; all of it is done or none.
struct SignOrder {
  std::vector<SignItem> items;
};

// Asked at most once an activation, after the record has been read and checked and before the key
// is unwrapped: further orders waiting for the same key version, together at most `room` items.
using TakeMore = std::function<std::vector<SignOrder>(std::size_t room)>;

struct Revision {
  v1::KeyState state;
  v1::KeyPolicy policy;
  KeyRevision revision;
};

// A replica blob, or a token reference for a key that stays on the token.
struct ReplicaBlob {
  Bytes bytes;
  KeyHeader header;  // What `bytes` says.
};

// Thread-safe; each call runs on a worker's thread with that worker's bench, and asks the session
// to be ready first. Whatever the HSM answers comes back with its CKR name; after any error nothing
// was released and no session object is left. Codes that mean the same everywhere:
//   data_loss            the record's form, binding or marks do not hold, or a signature was wrong
//   failed_precondition  destroyed, disabled, superseded, older than what was seen
//   aborted              the caller's view and the vault's differ: install the replica, ask again
//   unimplemented        this HSM cannot do it
//   unavailable          session, token or module is lost
class KeyEngine {
 public:
  struct Counters {
    std::uint64_t activations = 0;
    std::uint64_t signatures = 0;
  };

  // `site` is this appliance's, whose part of each policy holds.
  KeyEngine(std::unique_ptr<Vault> vault, SiteName site);
  ~KeyEngine();
  KeyEngine(const KeyEngine&) = delete;
  KeyEngine& operator=(const KeyEngine&) = delete;

  // Finds the domain's objects on the token, and the first time probes what the token can do and
  // compares the vault with its anchor (anchor.h). failed_precondition when the token was not set
  // up for Twinseal; data_loss when the vault is older than the token remembers. Every other call
  // does this itself when it was not done; calling it early makes the first key no slower than the
  // others.
  Status Prepare(Workbench& bench);

  // Makes a key pair: as session objects, wrapped under the domain KEK and gone when this returns;
  // with storage TOKEN as token objects. Stores nothing in the vault. `header.public_key` is not
  // looked at. failed_precondition when the key is destroyed or has this version already.
  Result<ReplicaBlob> Generate(Workbench& bench, const KeyHeader& header);

  // Checks the replica blob's binding, then makes it anew with this state, policy and revision,
  // which must be higher than the blob's. The wrapped bytes stay. Stores nothing.
  Result<ReplicaBlob> Revise(Workbench& bench, BytesView replica_blob, const Revision& revision);

  // Takes a replica blob into the vault; idempotent. A version older than the newest seen is
  // checked and not stored: it no longer signs. A damaged record of the same key version is
  // replaced. Synced.
  Status Install(Workbench& bench, BytesView replica_blob);

  // The newest revision that the vault had of the key; 0 when it never had the key.
  Result<KeyRevision> SeenRevision(Workbench& bench, const KeyId& id);

  // Every version of the key, in the vault and on the token, is gone for good. Idempotent.
  Status Erase(Workbench& bench, const KeyId& id);

  // One activation of the key for `first` and, where the policy lets several share it, for what
  // `take_more` gives. Answers `first`, then those, in order; each has its signatures in its
  // items' order. `seen_by_caller` is the least revision that the record may have. An order that
  // the key's algorithm or policy does not allow fails alone with invalid_argument or
  // permission_denied; when `first` does, nothing else is taken.
  std::vector<Result<std::vector<Bytes>>> Sign(Workbench& bench, const KeyId& id,
                                               KeyVersion version, KeyRevision seen_by_caller,
                                               const SignOrder& first, const TakeMore& take_more);

  // Tells the token what the vault holds now (anchor.h). For a clean stop, on any worker.
  Status Anchor(Workbench& bench);

  // What the token can do; null before the first Prepare that worked.
  std::shared_ptr<const hsm::Capabilities> capabilities() const;
  Counters counters() const;
  Vault& vault() { return *vault_; }

 private:
  struct Impl;

  const std::unique_ptr<Vault> vault_;
  const SiteName site_;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace twinseal::core
