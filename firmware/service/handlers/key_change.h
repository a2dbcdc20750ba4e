// What every change of a key needs, before it is made.
#pragma once

#include "firmware/service/handlers/gate.h"
#include "firmware/service/keys/access.h"
#include "firmware/service/keys/key_directory.h"
#include "firmware/service/keys/key_store.h"

namespace twinseal::service {

// The change as it was asked for, and that its caller may make it.
struct KeyChange {
  Mutation mutation;
  KeyStore::MayChange key;
};

// Of a request with a request_id and a key; into the record which key it is.
template <policy::Procedure P, typename Message, typename Answer>
Result<KeyChange> AuthorizeChange(const KeyDirectory& directory, const KeyStore& store,
                                  const policy::Authorized<P>& caller, const Message& request,
                                  Operation<Answer>& operation) {
  TWINSEAL_ASSIGN_OR_RETURN(Mutation mutation, MutationOf(caller, request, operation.deadline()));
  TWINSEAL_ASSIGN_OR_RETURN(
      const KeyDirectory::View view,
      FindKeyInReach(directory, store, caller, request.key(), operation.record()));
  TWINSEAL_ASSIGN_OR_RETURN(KeyStore::MayChange key,
                            policy::AuthorizeKey(caller, view->key, store.site()));
  return KeyChange{std::move(mutation), std::move(key)};
}

}  // namespace twinseal::service
