#include "firmware/service/signing/signer.h"

#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/digest.h"
#include "common/policy/in_force.h"
#include "firmware/policy/key_policy.h"
#include "firmware/service/keys/access.h"

namespace twinseal::service {
namespace {

using std::chrono::steady_clock;

// For the core to take a replica blob in: some milliseconds, in its turn.
constexpr std::chrono::seconds kDeliveryTime{10};

// Versions before the current one only verify.
Status CheckVersion(const v1::Key& key, std::uint32_t wanted) {
  if (wanted == 0 || wanted == key.current_version()) return Ok();
  return Error(Code::kFailedPrecondition,
               fmt::format("version {} of the key '{}' does not sign; its current version is {}",
                           wanted, key.name(), key.current_version()));
}

Status CheckScheme(const v1::Key& key, const crypto::SchemeInfo& scheme, const SiteName& site) {
  const auto allows = [&](const policy::InForce& there) {
    return policy::AllowsScheme(there, key.algorithm(), scheme.id);
  };
  if (allows(policy::InForceAt(key.policy(), site.text()))) return Ok();
  const std::string elsewhere = policy::SitesWhere(key.policy(), allows);
  if (elsewhere.empty()) {
    return Error(Code::kPermissionDenied,
                 fmt::format("the policy of the key '{}' does not allow the scheme {}", key.name(),
                             scheme.name));
  }
  return Error(Code::kPermissionDenied,
               fmt::format("the policy of the key '{}' does not allow the scheme {} at this site, "
                           "'{}', but at {}; ask there, or choose another scheme",
                           key.name(), scheme.name, site.text(), elsewhere));
}

}  // namespace

// What is asked for.
struct Signer::Wish {
  std::string key;
  std::uint32_t version;  // 0: the current one.
  v1::Scheme scheme;
  google::protobuf::RepeatedPtrField<std::string> digests;
  bool batch;
};

struct Signer::Order {
  KeyDirectory::View view;
  v1::CoreSignRequest request;
  std::uint32_t version;  // As wished.
  Deadline deadline;
  Done done;
  bool delivered = false;
};

Signer::Signer(KeyDirectory& directory, Core& core, WorkPool& pool, Deliver deliver,
               MaySign may_sign, SiteName site)
    : directory_(directory),
      core_(core),
      pool_(pool),
      deliver_(std::move(deliver)),
      may_sign_(std::move(may_sign)),
      site_(std::move(site)) {}

void Signer::Sign(const policy::Authorized<policy::Procedure::kSign>& caller,
                  v1::SignRequest request, Deadline deadline, v1::AuditRecord& record, Done done) {
  google::protobuf::RepeatedPtrField<std::string> digests;
  *digests.Add() = std::move(*request.mutable_digest());
  Start(caller, {request.key(), request.version(), request.scheme(), std::move(digests), false},
        deadline, record, std::move(done));
}

void Signer::SignBatch(const policy::Authorized<policy::Procedure::kSignBatch>& caller,
                       v1::SignBatchRequest request, Deadline deadline, v1::AuditRecord& record,
                       Done done) {
  Start(caller,
        {request.key(), request.version(), request.scheme(), std::move(*request.mutable_digests()),
         true},
        deadline, record, std::move(done));
}

template <policy::Procedure P>
void Signer::Start(const policy::Authorized<P>& caller, Wish wish, Deadline deadline,
                   v1::AuditRecord& record, Done done) {
  Result<KeyDirectory::View> found = FindKey(directory_, caller, wish.key, site_, record);
  if (!found.ok()) {
    const Status may_know = MayKnow(wish.key, found.error());
    done(may_know.ok() ? found.error() : may_know.error());
    return;
  }
  KeyDirectory::View view = *std::move(found);
  record.set_key_version(view->key.current_version());
  if (wish.scheme == v1::SCHEME_UNSPECIFIED)
    wish.scheme = crypto::Find(view->key.algorithm())->usual_scheme;
  record.set_scheme(std::string(crypto::Name(wish.scheme)));
  if (const Status checked = Check(*view, wish); !checked.ok()) {
    done(checked.error());
    return;
  }
  // A message that is signed whole would not fit into a record; its SHA-256 names it.
  const bool whole = crypto::Find(wish.scheme)->digest_size == 0;
  for (const std::string& digest : wish.digests) {
    if (whole) {
      record.add_digests(ToString(crypto::Sha256(AsBytes(digest))));
    } else {
      record.add_digests(digest);
    }
  }
  auto order = std::make_shared<Order>();
  order->request.set_key_id(ToString(view->id.bytes()));
  order->request.set_scheme(wish.scheme);
  *order->request.mutable_digests() = std::move(wish.digests);
  order->request.set_caller(caller.principal().Text());
  order->version = wish.version;
  order->view = std::move(view);
  order->deadline = deadline;
  order->done = std::move(done);
  Send(std::move(order));
}

// A key that is not in the view of an isolated site may have been made elsewhere.
Status Signer::MayKnow(std::string_view key, const Error& refusal) const {
  if (refusal.code() != Code::kNotFound && refusal.code() != Code::kPermissionDenied) return Ok();
  v1::Key unknown;
  unknown.set_name(std::string(key));
  unknown.mutable_policy()->set_isolation(v1::STOP);
  return may_sign_(unknown);
}

Status Signer::Check(const KeyView& view, const Wish& wish) const {
  const v1::Key& key = view.key;
  const auto& [name, version, scheme, digests, batch] = wish;
  TWINSEAL_RETURN_IF_ERROR(may_sign_(key));
  const crypto::SchemeInfo* info = crypto::Find(scheme);
  const crypto::AlgorithmInfo* algorithm = crypto::Find(key.algorithm());
  if (info == nullptr)
    return Error(Code::kInvalidArgument, "scheme is not one that Twinseal knows");
  if (!crypto::Fits(*info, *algorithm)) {
    return Error(Code::kInvalidArgument,
                 fmt::format("scheme {} does not fit the key '{}', which is {}; its usual "
                             "scheme is {}",
                             info->name, key.name(), algorithm->name,
                             crypto::Name(algorithm->usual_scheme)));
  }
  if (batch && (digests.empty() || digests.size() > kMaxBatch)) {
    return Error(Code::kInvalidArgument,
                 fmt::format("digests has 1 to {} elements, not {}", kMaxBatch, digests.size()));
  }
  for (int i = 0; i < digests.size(); ++i) {
    if (const Status fits = crypto::CheckDigest(*info, digests[i].size()); !fits.ok()) {
      return fits.error().Within(batch ? fmt::format("digests[{}]", i) : "digest");
    }
  }
  if (key.state() != v1::ENABLED) {
    const std::string_view state =
        key.state() == v1::DISABLED              ? "disabled; an operator can enable it"
        : key.state() == v1::PENDING_DESTRUCTION ? "pending destruction and does not sign"
                                                 : "destroyed";
    return Error(Code::kFailedPrecondition, fmt::format("the key '{}' is {}", key.name(), state));
  }
  TWINSEAL_RETURN_IF_ERROR(CheckVersion(key, version));
  TWINSEAL_RETURN_IF_ERROR(CheckScheme(key, *info, site_));
  if (!policy::AllowsSite(key.policy(), site_)) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("the key '{}' is not held at this site, '{}'; ask one of: {}",
                             key.name(), site_.text(), fmt::join(key.policy().sites(), ", ")));
  }
  return Ok();
}

void Signer::Send(std::shared_ptr<Order> order) {
  v1::CoreRequest request;
  v1::CoreSignRequest& sign = *request.mutable_sign();
  // The digests are needed again only when the core has to be told about the key first, which is
  // rare; but then they must still be there, so this is a copy: 32 bytes, or a batch's few KiB.
  sign = order->request;
  sign.set_version(order->view->key.current_version());
  sign.set_revision(order->view->key.revision());
  const Deadline deadline = order->deadline;
  core_.Call(
      std::move(request), deadline,
      [this, order = std::move(order)](Result<v1::CoreResponse> response) mutable {
        if (response.ok()) {
          if (!response->has_sign() ||
              response->sign().signatures_size() != order->request.digests_size()) {
            order->done(Error(Code::kInternal,
                              "the signing core gave another number of signatures than asked for"));
            return;
          }
          order->done(Signed{std::move(order->view), order->request.scheme(),
                             std::move(*response->mutable_sign())});
          return;
        }
        if (response.error().code() == Code::kAborted && !std::exchange(order->delivered, true)) {
          DeliverAndRetry(std::move(order));
          return;
        }
        order->done(response.error());
      });
}

void Signer::DeliverAndRetry(std::shared_ptr<Order> order) {
  const KeyId id = order->view->id;
  {
    const MutexLock lock(mutex_);
    std::vector<std::shared_ptr<Order>>& waiting = delivering_[id];
    waiting.push_back(std::move(order));
    if (waiting.size() > 1) return;
  }
  const auto finish = [this, id](const Status& delivered) {
    std::vector<std::shared_ptr<Order>> waiting;
    {
      const MutexLock lock(mutex_);
      waiting = std::move(delivering_[id]);
      delivering_.erase(id);
    }
    for (std::shared_ptr<Order>& one : waiting) {
      if (!delivered.ok()) {
        one->done(delivered.error());
        continue;
      }
      // By now the view may be newer, and may say that the key does not sign any more.
      if (KeyDirectory::View newer = directory_.Find(id)) one->view = std::move(newer);
      if (one->view->key.state() != v1::ENABLED) {
        one->done(Error(Code::kFailedPrecondition,
                        "the key was disabled while the request was under way"));
        continue;
      }
      if (const Status current = CheckVersion(one->view->key, one->version); !current.ok()) {
        one->done(current.error());
        continue;
      }
      Send(std::move(one));
    }
  };
  // It is for all that wait for it, so none of their deadlines is its own.
  const auto deliver = [this, id, finish] {
    finish(deliver_(id, steady_clock::now() + kDeliveryTime));
  };
  if (!pool_.Submit(deliver)) {
    finish(Error(Code::kResourceExhausted, "too many changes are under way; try again later"));
  }
}

}  // namespace twinseal::service
