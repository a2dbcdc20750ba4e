// What a fake core's token holds besides vault keys: the appliance's identity, its domain, and what
// pairing needs. By the same rules as firmware/core/pairing, with nothing that is secret.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "tests/unit/firmware/service/fake_keys.h"
#include "twinseal/v1/core.pb.h"

namespace twinseal::service {

// One thread at a time.
class FakeToken {
 public:
  enum class Domain { kOwn, kNone };

  explicit FakeToken(Domain domain);

  // unimplemented for what is no request of pairing.
  Result<v1::CoreResponse> Answer(const v1::CoreRequest& request);

  const std::string& identity_der() const { return identity_.public_der; }
  bool has_transport_key() const { return transport_.has_value(); }
  // The same at two places that share a domain; empty without one.
  std::string domain() const { return domain_ ? domain_->kek + domain_->binding : ""; }

 private:
  struct DomainKeys {
    std::string kek;
    std::string binding;
  };

  Result<v1::CoreResponse> SignAsIdentity(const v1::SignAsIdentityRequest& request) const;
  Result<v1::CoreResponse> Wrap(const v1::WrapDomainRequest& request) const;
  Result<v1::CoreResponse> Take(const v1::TakeDomainRequest& request);
  Result<v1::CoreResponse> Prove(const v1::ProveDomainRequest& request) const;
  Result<v1::CoreResponse> Derive(const v1::DeriveSecretRequest& request) const;

  const FakeKeyPair identity_ = NewKeyPair();
  std::optional<FakeKeyPair> transport_;
  std::optional<DomainKeys> domain_;
};

}  // namespace twinseal::service
