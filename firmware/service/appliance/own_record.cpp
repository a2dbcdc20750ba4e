#include "firmware/service/appliance/own_record.h"

#include <string>

namespace twinseal::service {

v1::AuditRecord OwnRecord(std::string_view operation, const SiteName& site, const v1::Key& key) {
  v1::AuditRecord record;
  record.set_operation(std::string(operation));
  record.set_caller_role("appliance");
  record.set_caller_name(site.text());
  record.set_key_id(key.key_id());
  record.set_key_name(key.name());
  record.set_key_version(key.current_version());
  record.set_outcome("ok");
  return record;
}

}  // namespace twinseal::service
