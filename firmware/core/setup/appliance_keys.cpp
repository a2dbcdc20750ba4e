#include "firmware/core/setup/appliance_keys.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "common/crypto/public_key.h"
#include "firmware/core/keys/signing.h"
#include "firmware/core/keys/token_objects.h"
#include "firmware/core/setup/key_options.h"
#include "hsm/pkcs11/key_kinds.h"

namespace twinseal::core {
namespace {

struct Wanted {
  CK_OBJECT_CLASS object_class;
  std::string_view label;
};

constexpr std::array kWanted = {
    Wanted{CKO_SECRET_KEY, kDomainKekLabel}, Wanted{CKO_SECRET_KEY, kBindingKeyLabel},
    Wanted{CKO_SECRET_KEY, kSiteKekLabel}, Wanted{CKO_PRIVATE_KEY, kIdentityLabel}};
constexpr std::size_t kDomainsOwn = 2;  // The first of them come by pairing.

// How many objects there are of this kind, counted to two.
Result<std::size_t> Count(hsm::Session& session, const Wanted& wanted) {
  hsm::Template match;
  match.Ulong(CKA_CLASS, wanted.object_class).Bool(CKA_TOKEN, true).Text(CKA_LABEL, wanted.label);
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<hsm::Object> found, session.Find(match, 2));
  return found.size();
}

// Whether the HMACs that bind blobs can be made; the capabilities do not cover it.
Status TryBinding(hsm::Session& session) {
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::ObjectHandle key, hsm::GenerateMacKey(session, {}));
  const hsm::Mechanism hmac(CKM_SHA256_HMAC);
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes mac, session.Sign(hmac, key.get(), AsBytes("probe")));
  return session.Verify(hmac, key.get(), AsBytes("probe"), mac);
}

}  // namespace

// Those of `all` that the token lacks. kNotSetUp when it has several of one.
Result<std::vector<std::string_view>> Missing(hsm::Session& session, std::span<const Wanted> all) {
  std::vector<std::string_view> missing;
  for (const Wanted& wanted : all) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::size_t count, Count(session, wanted));
    if (count == 0) missing.push_back(wanted.label);
    if (count > 1) {
      return Error(
          Code::kFailedPrecondition,
          fmt::format(
              "the token has several objects '{}', so it is not known which is the appliance's; "
              "remove the others",
              wanted.label),
          kNotSetUp);
    }
  }
  return missing;
}

Error Lacks(const std::vector<std::string_view>& missing) {
  return Error(
      Code::kFailedPrecondition,
      fmt::format("the token lacks the appliance's keys {}; `twinseal appliance init` makes them",
                  fmt::join(missing, ", ")),
      kNotSetUp);
}

Status CheckApplianceKeys(hsm::Session& session) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto missing, Missing(session, kWanted));
  if (missing.empty()) return Ok();
  const bool is_to_join =
      std::ranges::equal(missing, std::span(kWanted).first(kDomainsOwn), {}, {}, &Wanted::label);
  if (!is_to_join) return Lacks(missing);
  return Error(Code::kFailedPrecondition,
               "the appliance was set up to join a pair and has no domain yet; `twinseal pair "
               "create` gives it one",
               kNotSetUp);
}

Status CheckSiteKeys(hsm::Session& session) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto missing,
                            Missing(session, std::span(kWanted).subspan(kDomainsOwn)));
  return missing.empty() ? Ok() : Status(Lacks(missing));
}

Status CheckToken(hsm::Session& session, const hsm::Capabilities& capabilities) {
  std::vector<std::string> reasons;
  const auto note = [&](std::string_view what, const Error& error) {
    reasons.push_back(fmt::format("{} ({})", what, error.message()));
  };
  if (const auto wrap = capabilities.ForSecretKeys(); !wrap.ok())
    note("wrapping keys", wrap.error());
  if (const auto vault = capabilities.CheckVault(hsm::KeyKind::kEcP256); !vault.ok()) {
    note("ec-p256 in the vault", vault.error());
  }
  if (const auto token = capabilities.CheckToken(hsm::KeyKind::kEcP256); !token.ok()) {
    note("ec-p256 on the token", token.error());
  }
  if (const auto binding = TryBinding(session); !binding.ok()) {
    if (!session.ready()) return binding.error();
    note("CKM_SHA256_HMAC", binding.error());
  }
  if (reasons.empty()) return Ok();
  return Error(
      Code::kUnimplemented,
      fmt::format("the token cannot be an appliance's; it lacks {}", fmt::join(reasons, "; ")),
      kTokenUnfit);
}

Result<Bytes> MakeApplianceKeys(hsm::Session& session, KeySet key_set) {
  for (const Wanted& wanted : kWanted) {
    TWINSEAL_ASSIGN_OR_RETURN(const std::size_t count, Count(session, wanted));
    if (count == 0) continue;
    return Error(Code::kFailedPrecondition,
                 fmt::format("the token was set up before: it has an object '{}'; use another "
                             "token, or a label that "
                             "no token has yet",
                             wanted.label));
  }
  TWINSEAL_ASSIGN_OR_RETURN(const hsm::Capabilities capabilities,
                            hsm::Capabilities::Probe(session));
  TWINSEAL_RETURN_IF_ERROR(CheckToken(session, capabilities));

  // Each handle destroys its object unless all of them were made.
  hsm::ObjectHandle domain_kek;
  hsm::ObjectHandle binding;
  if (key_set == KeySet::kWithDomain) {
    TWINSEAL_ASSIGN_OR_RETURN(domain_kek, hsm::GenerateWrappingKey(session, kDomainKekOptions));
    TWINSEAL_ASSIGN_OR_RETURN(binding, hsm::GenerateMacKey(session, kBindingKeyOptions));
  }
  TWINSEAL_ASSIGN_OR_RETURN(hsm::ObjectHandle site_kek,
                            hsm::GenerateWrappingKey(session, kSiteKekOptions));
  TWINSEAL_ASSIGN_OR_RETURN(hsm::KeyPair identity,
                            hsm::GenerateSigningPair(session, hsm::KeyKind::kEcP256,
                                                     {.token = true,
                                                      .extractable = false,
                                                      .label = kIdentityLabel,
                                                      .id = AsBytes(kIdentityLabel)}));
  TWINSEAL_ASSIGN_OR_RETURN(const crypto::PublicKey public_key,
                            ReadPublicKey(session, v1::EC_P256, identity.public_key.get()));
  domain_kek.Release();
  binding.Release();
  site_kek.Release();
  identity.public_key.Release();
  identity.private_key.Release();
  session.ForgetTokenObjects();
  return public_key.der();
}

}  // namespace twinseal::core
