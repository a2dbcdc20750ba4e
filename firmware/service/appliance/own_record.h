// Audit records of what the appliance does by itself.
#pragma once

#include <string_view>

#include "common/base/types.h"
#include "twinseal/v1/audit.pb.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::service {

// Done by the appliance of this site, with `key`, of which the id is enough, or with none.
v1::AuditRecord OwnRecord(std::string_view operation, const SiteName& site,
                          const v1::Key& key = v1::Key());

}  // namespace twinseal::service
