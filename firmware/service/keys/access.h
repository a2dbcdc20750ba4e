// Which key a request names, and whether its caller may do what it asks with that key.
#pragma once

#include <fmt/format.h>

#include "common/base/types.h"
#include "firmware/policy/authorize.h"
#include "firmware/service/keys/key_directory.h"
#include "firmware/service/keys/key_store.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::service {

// invalid_argument unless it is a key's name or id.
Status CheckKeyReference(std::string_view key);

// The key that `key` names, and into the record which it is. An application gets the same
// permission_denied for a key that names it at no site and for one that does not exist, so that it
// cannot find out what there is; others get not_found. unavailable while the directory is not
// whole. `site` is this one.
template <policy::Procedure P>
Result<KeyDirectory::View> FindKey(const KeyDirectory& directory,
                                   const policy::Authorized<P>& caller, std::string_view key,
                                   const SiteName& site, v1::AuditRecord& record) {
  TWINSEAL_RETURN_IF_ERROR(CheckKeyReference(key));
  KeyDirectory::View view = directory.Find(key);
  if (view != nullptr) {
    record.set_key_id(view->key.key_id());
    record.set_key_name(view->key.name());
  } else {
    record.set_key_name(std::string(key));
  }
  if (view == nullptr && !directory.whole()) {
    return Error(Code::kUnavailable,
                 "this site has not read the pair's keys since it was started; ask another site");
  }
  static const v1::Key kNobodysKey;
  const auto allowed =
      policy::AuthorizeKey(caller, view != nullptr ? view->key : kNobodysKey, site);
  if (!allowed.ok()) return allowed.error();
  if (view == nullptr) {
    return Error(
        Code::kNotFound,
        fmt::format("there is no key '{}'; `twinseal key list` shows those there are", key));
  }
  return view;
}

// The same, and unavailable rather than not_found or permission_denied while this site is isolated:
// what it has not heard of may have been made at another.
template <policy::Procedure P>
Result<KeyDirectory::View> FindKeyInReach(const KeyDirectory& directory, const KeyStore& store,
                                          const policy::Authorized<P>& caller, std::string_view key,
                                          v1::AuditRecord& record) {
  Result<KeyDirectory::View> view = FindKey(directory, caller, key, store.site(), record);
  const bool absent = !view.ok() && (view.error().code() == Code::kNotFound ||
                                     view.error().code() == Code::kPermissionDenied);
  if (absent) TWINSEAL_RETURN_IF_ERROR(store.InReach());
  return view;
}

}  // namespace twinseal::service
