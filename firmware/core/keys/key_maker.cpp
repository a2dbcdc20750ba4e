#include "firmware/core/keys/key_maker.h"

#include <array>
#include <string>

#include <fmt/format.h>

#include "common/crypto/algorithms.h"
#include "firmware/core/keys/activation.h"
#include "firmware/core/keys/signing.h"
#include "firmware/core/keys/token_keys.h"
#include "hsm/pkcs11/key_kinds.h"

namespace twinseal::core {
namespace {

// That the two halves belong together (FIPS 140-3 IG 10.3.A, pairwise consistency).
Status CheckPair(hsm::Session& session, const crypto::PublicKey& public_key, hsm::Object key) {
  const crypto::SchemeInfo& scheme =
      *crypto::Find(crypto::Find(public_key.algorithm())->usual_scheme);
  Bytes digest(scheme.digest_size != 0 ? scheme.digest_size : 32);
  TWINSEAL_RETURN_IF_ERROR(session.Random(digest));
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes signature, SignDigest(session, scheme, key, digest));
  if (!public_key.Verify(scheme.id, digest, signature).ok()) {
    return Error(Code::kInternal,
                 "the key pair that the HSM made does not belong together; nothing was kept");
  }
  return Ok();
}

}  // namespace

Result<Blob> KeyMaker::Make(const KeyHeader& header) const {
  if (crypto::Find(header.algorithm) == nullptr) {
    return Error(Code::kInvalidArgument, "algorithm: it is not known");
  }
  if (header.state == v1::DESTROYED) {
    return Error(Code::kInvalidArgument, "state: a new key cannot be destroyed already");
  }
  return header.storage == v1::TOKEN ? MakeOnToken(header) : MakeWrapped(header);
}

Result<Blob> KeyMaker::MakeWrapped(const KeyHeader& header) const {
  const hsm::KeyKind kind = KindOf(header.algorithm);
  TWINSEAL_RETURN_IF_ERROR(capabilities_.CheckVault(kind));
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::WrapMechanism wrap, capabilities_.ForPrivateKeys(kind));
  TWINSEAL_ASSIGN_OR_RETURN(
      hsm::KeyPair pair, hsm::GenerateSigningPair(bench_.session(), kind, {.extractable = true}));
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::PublicKey public_key,
      ReadPublicKey(bench_.session(), header.algorithm, pair.public_key.get()));
  Blob blob;
  blob.kind = BlobKind::kReplica;
  blob.header = header;
  blob.header.public_key = public_key.der();
  blob.key_wrap = wrap;
  TWINSEAL_ASSIGN_OR_RETURN(blob.wrapped_key, hsm::Wrap(bench_.session(), wrap, keys_.domain_kek,
                                                        pair.private_key.get()));
  TWINSEAL_RETURN_IF_ERROR(pair.private_key.Destroy());
  TWINSEAL_RETURN_IF_ERROR(pair.public_key.Destroy());
  TWINSEAL_RETURN_IF_ERROR(CheckWrapped(blob));
  return blob;
}

Status KeyMaker::CheckWrapped(const Blob& blob) const {
  const KeyHeader& header = blob.header;
  TWINSEAL_ASSIGN_OR_RETURN(
      const PublicKeyCache::Entry* public_key,
      bench_.public_keys().Get(header.id, header.version, header.algorithm, header.public_key));
  auto key = UnwrapReplica({bench_.session(), keys_, capabilities_}, blob, *public_key);
  if (!key.ok() && key.error().code() == Code::kDataLoss) {
    return Error(Code::kInternal,
                 fmt::format("the HSM cannot unwrap the new key that it wrapped ({}); nothing was "
                             "kept",
                             key.error().message()));
  }
  if (!key.ok()) return key.error();
  TWINSEAL_RETURN_IF_ERROR(CheckPair(bench_.session(), public_key->key, key->get()));
  return key->Destroy();
}

Result<Blob> KeyMaker::MakeOnToken(const KeyHeader& header) const {
  const hsm::KeyKind kind = KindOf(header.algorithm);
  TWINSEAL_RETURN_IF_ERROR(capabilities_.CheckToken(kind));
  const std::string label = TokenObjectLabel(header.id);
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes object_id,
                            NewTokenObjectId(bench_.session(), header.id, header.version));
  TWINSEAL_ASSIGN_OR_RETURN(
      hsm::KeyPair pair,
      hsm::GenerateSigningPair(bench_.session(), kind,
                               {.token = true, .label = label, .id = object_id}));
  TWINSEAL_ASSIGN_OR_RETURN(
      const crypto::PublicKey public_key,
      ReadPublicKey(bench_.session(), header.algorithm, pair.public_key.get()));
  TWINSEAL_RETURN_IF_ERROR(CheckPair(bench_.session(), public_key, pair.private_key.get()));
  Blob blob;
  blob.kind = BlobKind::kTokenReference;
  blob.header = header;
  blob.header.public_key = public_key.der();
  pair.private_key.Release();
  pair.public_key.Release();
  return blob;
}

}  // namespace twinseal::core
