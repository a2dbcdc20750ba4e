// Signing: looked up in the local view, checked, and sent to the core, without a thread that waits.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "firmware/policy/authorize.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/keys/key_directory.h"
#include "firmware/service/runtime/work_pool.h"
#include "twinseal/v1/audit.pb.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::service {

inline constexpr int kMaxBatch = 1024;

struct Signed {
  KeyDirectory::View key;
  v1::Scheme scheme;
  v1::CoreSignResponse signatures;
};

// Thread-safe.
class Signer {
 public:
  using Done = std::function<void(Result<Signed>)>;
  // Gives the core what the ledger has of a key; blocks (KeyStore::Deliver).
  using Deliver = std::function<Status(const KeyId&, Deadline)>;

  // Whether this site may sign with the key now, as far as it is the site's own matter; quick.
  using MaySign = std::function<Status(const v1::Key&)>;

  Signer(KeyDirectory& directory, Core& core, WorkPool& pool, Deliver deliver, MaySign may_sign,
         SiteName site);

  // Fills in the record's key, scheme and digests before anything can finish; `done` is called
  // once, from the core link's or the pool's thread or inside the call. `record` must live until
  // this returns.
  void Sign(const policy::Authorized<policy::Procedure::kSign>& caller, v1::SignRequest request,
            Deadline deadline, v1::AuditRecord& record, Done done);
  void SignBatch(const policy::Authorized<policy::Procedure::kSignBatch>& caller,
                 v1::SignBatchRequest request, Deadline deadline, v1::AuditRecord& record,
                 Done done);

 private:
  struct Wish;
  struct Order;

  template <policy::Procedure P>
  void Start(const policy::Authorized<P>& caller, Wish wish, Deadline deadline,
             v1::AuditRecord& record, Done done);
  Status MayKnow(std::string_view key, const Error& refusal) const;
  Status Check(const KeyView& view, const Wish& wish) const;
  void Send(std::shared_ptr<Order> order);
  // The core does not know the key's newest revision: it is told, once for all who wait, and asked
  // again.
  void DeliverAndRetry(std::shared_ptr<Order> order);

  KeyDirectory& directory_;
  Core& core_;
  WorkPool& pool_;
  const Deliver deliver_;
  const MaySign may_sign_;
  const SiteName site_;

  Mutex mutex_;
  std::unordered_map<KeyId, std::vector<std::shared_ptr<Order>>> delivering_
      TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::service
