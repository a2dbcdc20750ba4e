#include "firmware/service/keys/own_key.h"

#include <utility>

#include <fmt/format.h>

namespace twinseal::service {

OwnKey::OwnKey(KeyDirectory& directory, KeyStore& store, Core& core, std::string name)
    : directory_(directory), store_(store), core_(core), name_(std::move(name)) {}

Result<KeyDirectory::View> OwnKey::Find() const {
  KeyDirectory::View view = directory_.Find(name_);
  if (view == nullptr) {
    return Error(
        Code::kFailedPrecondition,
        fmt::format("the appliance has no key '{}'; set it up with `twinseal appliance init`",
                    name_));
  }
  return view;
}

Result<OwnKey::Signature> OwnKey::SignDigest(BytesView sha256, Deadline deadline) {
  for (bool delivered = false;; delivered = true) {
    TWINSEAL_ASSIGN_OR_RETURN(const KeyDirectory::View view, Find());
    v1::CoreRequest request;
    v1::CoreSignRequest& sign = *request.mutable_sign();
    sign.set_key_id(ToString(view->id.bytes()));
    sign.set_version(view->key.current_version());
    sign.set_revision(view->key.revision());
    sign.set_scheme(v1::ECDSA_SHA256);
    sign.add_digests(ToString(sha256));
    sign.set_caller("appliance");
    const Result<v1::CoreResponse> response = CallAndWait(core_, std::move(request), deadline);
    if (!response.ok()) {
      if (response.error().code() != Code::kAborted || delivered) return response.error();
      TWINSEAL_RETURN_IF_ERROR(store_.Deliver(view->id, deadline));
      continue;
    }
    if (response->sign().signatures_size() != 1) {
      return Error(Code::kInternal,
                   "the signing core gave another number of signatures than asked for");
    }
    return Signature{view->key.key_id(), view->key.current_version(),
                     ToBytes(response->sign().signatures(0))};
  }
}

Result<crypto::PublicKey> OwnKey::Public() {
  TWINSEAL_ASSIGN_OR_RETURN(const KeyDirectory::View view, Find());
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Key key, store_.Read(view->id));
  if (key.versions().empty())
    return Error(Code::kDataLoss, fmt::format("the record of '{}' has no version", name_));
  return crypto::PublicKey::FromDer(
      AsBytes(key.versions(key.versions_size() - 1).public_key_der()));
}

}  // namespace twinseal::service
