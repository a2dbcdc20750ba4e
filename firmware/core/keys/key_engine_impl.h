// The key engine's insides, shared by its two source files.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "firmware/core/keys/activation.h"
#include "firmware/core/keys/binding.h"
#include "firmware/core/keys/key_engine.h"

namespace twinseal::core {

Error Destroyed(const KeyId& id);

struct KeyEngine::Impl {
  explicit Impl(Vault& its_vault) : vault(its_vault) {}

  struct Ready {
    DomainKeys keys;
    std::shared_ptr<const hsm::Capabilities> capabilities;
  };

  // What every call begins with.
  Result<Ready> Begin(Workbench& bench);
  Result<std::shared_ptr<const hsm::Capabilities>> Probed(hsm::Session& session,
                                                          const DomainKeys& keys);

  // The vault's record, checked in every respect; nothing when there is none. Damage is noted.
  Result<std::optional<Blob>> Open(hsm::Session& session, const Ready& ready, const KeyId& id,
                                   KeyVersion version);
  Result<Blob> OpenForSigning(Workbench& bench, const Ready& ready, const KeyId& id,
                              KeyVersion version, KeyRevision seen_by_caller);
  Error Refuse(const KeyId& id, KeyVersion version, const Error& why);

  Status InstallInVault(Workbench& bench, const Ready& ready, const Blob& replica);
  Status StoreInstalled(hsm::Session& session, const Ready& ready, Blob blob);

  Result<std::vector<Bytes>> SignAll(Workbench& bench, const Ready& ready, const Blob& record,
                                     std::span<const SignTask> tasks);
  Result<std::vector<Bytes>> SignInVault(Workbench& bench, const Ready& ready, const Blob& record,
                                         const PublicKeyCache::Entry& public_key,
                                         std::span<const SignTask> tasks);
  // For a record that is what was stored and yet does not sign: the HSM wrapped it wrongly, or
  // signs wrongly now. The key comes back from its replica blob.
  Error GiveUp(const Blob& record, const Error& why);
  Result<std::vector<Bytes>> SignOnToken(Workbench& bench, const Blob& record,
                                         const crypto::PublicKey& public_key,
                                         std::span<const SignTask> tasks);
  Status Anchor(hsm::Session& session);

  Vault& vault;
  mutable Mutex mutex;  // Held while one worker probes; the others wait for what it finds.
  std::shared_ptr<const hsm::Capabilities> capabilities TWINSEAL_GUARDED_BY(mutex);
  std::atomic<std::uint64_t> activations{0};
  std::atomic<std::uint64_t> signatures{0};
  Mutex anchor_mutex;  // One anchor at a time. Held while the token writes it.
};

}  // namespace twinseal::core
