// The ways out of a pair.
#pragma once

#include <functional>
#include <string>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/audit/audit_log.h"
#include "firmware/service/core_link/core.h"
#include "firmware/service/pair/pair_file.h"
#include "twinseal/v1/pair.pb.h"

namespace twinseal::service {

// Thread-safe. After either the process starts again and takes the ledger into its own.
class Departure {
 public:
  Departure(PairFile& file, ledger::Ledger& ledger, audit::AuditLog& audit, std::string site,
            std::function<void()> restart)
      : file_(file),
        ledger_(ledger),
        audit_(audit),
        site_(std::move(site)),
        restart_(std::move(restart)) {}

  // This site goes on alone, the other sites serve no more. Needs the ledger's majority.
  Status Leave(const v1::LeavePairRequest& request);
  // The same without a majority: from what this site's own member has.
  Status Recover(const v1::RecoverPairRequest& request);

 private:
  Status CheckSite(const std::string& named) const;
  Status Begin(std::string_view operation, std::string_view detail, bool recovering);

  PairFile& file_;
  ledger::Ledger& ledger_;
  audit::AuditLog& audit_;
  const std::string site_;
  const std::function<void()> restart_;
  Mutex mutex_;
};

}  // namespace twinseal::service
