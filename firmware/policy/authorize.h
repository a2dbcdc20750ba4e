// Authorizations as values. A handler takes one as its parameter and only the checks below can make
// one, so a handler cannot be called without the check, nor with the check of another procedure:
// neither compiles.
//
//   TWINSEAL_ASSIGN_OR_RETURN(auto caller, Authorize<Procedure::kSign>(principal));
//   TWINSEAL_ASSIGN_OR_RETURN(auto use, AuthorizeKey(caller, key, site));
//
// All functions are pure and may be called from any thread.
#pragma once

#include <string>
#include <utility>

#include "common/base/result.h"
#include "common/base/types.h"
#include "firmware/policy/permissions.h"
#include "firmware/policy/principal.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::policy {

// That this principal's role may call P. Move-only, so that it is handed on and not kept.
template <Procedure P>
class [[nodiscard]] Authorized {
 public:
  static constexpr Procedure kProcedure = P;

  Authorized(Authorized&&) noexcept = default;
  Authorized& operator=(Authorized&&) noexcept = default;
  Authorized(const Authorized&) = delete;
  Authorized& operator=(const Authorized&) = delete;

  const Principal& principal() const { return principal_; }

 private:
  template <Procedure Q>
  friend Result<Authorized<Q>> Authorize(const Principal& principal);

  explicit Authorized(Principal principal) : principal_(std::move(principal)) {}
  Principal principal_;
};

// Whether the table lets the principal's role call the procedure. permission_denied when not.
Status CheckPermission(Procedure procedure, const Principal& principal);

template <Procedure P>
Result<Authorized<P>> Authorize(const Principal& principal) {
  TWINSEAL_RETURN_IF_ERROR(CheckPermission(P, principal));
  return Authorized<P>(principal);
}

enum class KeyAction : std::uint8_t { kRead, kUse, kChange };

// That the principal may do this to the key with this id. Move-only.
template <KeyAction A>
class [[nodiscard]] AuthorizedKey {
 public:
  AuthorizedKey(AuthorizedKey&&) noexcept = default;
  AuthorizedKey& operator=(AuthorizedKey&&) noexcept = default;
  AuthorizedKey(const AuthorizedKey&) = delete;
  AuthorizedKey& operator=(const AuthorizedKey&) = delete;

  const Principal& principal() const { return principal_; }
  // As in Key.key_id.
  const std::string& key_id() const { return key_id_; }

 private:
  template <KeyAction B>
  friend Result<AuthorizedKey<B>> MakeAuthorizedKey(const Principal& principal, const v1::Key& key,
                                                    const SiteName& site);

  AuthorizedKey(Principal principal, std::string key_id)
      : principal_(std::move(principal)), key_id_(std::move(key_id)) {}
  Principal principal_;
  std::string key_id_;
};

// The rules, for any action, at `site`, which is this appliance's. Reading: operators and auditors
// every key, an application the keys whose policy names it there. Using: operators every key but
// reserved ones, an application the keys that name it there. Changing: operators, every key but
// reserved ones. permission_denied says what to do about it, and to an application that the policy
// names at other sites, where. The key's state is not looked at here.
Status CheckKeyAction(KeyAction action, const Principal& principal, const v1::Key& key,
                      const SiteName& site);

template <KeyAction A>
Result<AuthorizedKey<A>> MakeAuthorizedKey(const Principal& principal, const v1::Key& key,
                                           const SiteName& site) {
  TWINSEAL_RETURN_IF_ERROR(CheckKeyAction(A, principal, key, site));
  return AuthorizedKey<A>(principal, key.key_id());
}

// Which action a procedure does to the key it names; ones that name no key are not in here and do
// not compile.
template <Procedure P>
consteval KeyAction ActionOf() {
  switch (P) {
    case Procedure::kGetKey:
    case Procedure::kGetPublicKey:
    case Procedure::kListKeys:
    case Procedure::kListCertificates:
      return KeyAction::kRead;
    case Procedure::kSign:
    case Procedure::kSignBatch:
      return KeyAction::kUse;
    case Procedure::kRotateKey:
    case Procedure::kEnableKey:
    case Procedure::kDisableKey:
    case Procedure::kSetKeyPolicy:
    case Procedure::kScheduleKeyDestruction:
    case Procedure::kCancelKeyDestruction:
    case Procedure::kDestroyKey:
    case Procedure::kImportCertificate:
    case Procedure::kRemoveCertificate:
      return KeyAction::kChange;
    default:
      throw "this procedure names no key";  // In a consteval function: an error of the compiler.
  }
}

// The second step of a handler: what its procedure does to this key at this site.
template <Procedure P>
Result<AuthorizedKey<ActionOf<P>()>> AuthorizeKey(const Authorized<P>& caller, const v1::Key& key,
                                                  const SiteName& site) {
  return MakeAuthorizedKey<ActionOf<P>()>(caller.principal(), key, site);
}

// For a listing: whether the key is shown to the caller.
template <Procedure P>
bool MayList(const Authorized<P>& caller, const v1::Key& key, const SiteName& site) {
  static_assert(ActionOf<P>() == KeyAction::kRead);
  return CheckKeyAction(KeyAction::kRead, caller.principal(), key, site).ok();
}

}  // namespace twinseal::policy
