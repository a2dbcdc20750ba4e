// Two appliances in one test: a holder that has a domain, and a joiner that is to take it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware/core/keys/signing.h"
#include "firmware/core/keys/token_objects.h"
#include "firmware/core/pairing/domain_intake.h"
#include "firmware/core/pairing/domain_objects.h"
#include "firmware/core/pairing/domain_release.h"
#include "firmware/core/pairing/transport_key.h"
#include "firmware/core/setup/appliance_keys.h"
#include "firmware/core/setup/prepare_token.h"
#include "hsm/pkcs11/connection.h"
#include "tests/support/results.h"
#include "tests/support/token_fixture.h"

namespace twinseal::core {

using test::FailsWith;
using test::Succeeds;
using test::TokenKind;

// One appliance's token with a session.
class Place {
 public:
  explicit Place(const hsm::ConnectionOptions& options)
      : connection_(options, pin_), session_(connection_.NewSession()) {
    EXPECT_THAT(session_->Ensure(), Succeeds());
  }

  // Ready again should a refusal have cost it.
  hsm::Session& session() {
    EXPECT_THAT(session_->Ensure(), Succeeds());
    return *session_;
  }

  std::size_t Count(CK_OBJECT_CLASS object_class, std::string_view label) {
    const auto found = FindAll(session(), object_class, label);
    EXPECT_THAT(found, Succeeds());
    return found.ok() ? found->size() : 0;
  }
  DomainThere Domain() {
    const auto there = FindDomain(session());
    EXPECT_THAT(there, Succeeds());
    return there.ok() ? *there : DomainThere::kInPart;
  }

 private:
  hsm::FixedPin pin_{test::TestToken::Pin()};
  hsm::Connection connection_;
  std::unique_ptr<hsm::Session> session_;
};

struct Kinds {
  TokenKind holder = TokenKind::kSoftHsm;
  TokenKind joiner = TokenKind::kSoftHsm;
  bool interposed = false;  // SoftHSM's calls go through the interposer.
};

class PlacesTest : public testing::TestWithParam<Kinds> {
 protected:
  static constexpr std::string_view kJoinerLabel = "twinseal-joiner";

  // Two tokens that nothing was made on yet.
  PlacesTest() {
    const Kinds kinds = GetParam();
    if (kinds.interposed) softhsm_.Interpose();
    if (kinds.holder == TokenKind::kNss || kinds.joiner == TokenKind::kNss)
      nss_.emplace(TokenKind::kNss);
    holder_ = std::make_unique<Place>(kinds.holder == TokenKind::kNss ? nss_->options()
                                                                      : softhsm_.options());
    joiner_ = std::make_unique<Place>(kinds.joiner == TokenKind::kNss ? nss_->options()
                                                                      : SecondOptions());
  }

  void SetUp() override {
    ASSERT_THAT(MakeApplianceKeys(holder_->session()), Succeeds());
    ASSERT_THAT(MakeApplianceKeys(joiner_->session(), KeySet::kToJoin), Succeeds());
  }

  // The joiner's transport key, and the domain wrapped under it.
  WrappedDomain Release(BytesView transcript) {
    const auto transport = MakeTransportKey(joiner_->session());
    EXPECT_THAT(transport, Succeeds());
    return Release(transcript, transport.ok() ? *transport : Bytes());
  }
  WrappedDomain Release(BytesView transcript, BytesView transport) {
    auto wrapped = WrapDomain(holder_->session(), transport, transcript);
    EXPECT_THAT(wrapped, Succeeds());
    return wrapped.ok() ? std::move(*wrapped) : WrappedDomain();
  }

  Result<Bytes> Take(const WrappedDomain& wrapped, BytesView transcript) {
    return TakeDomain(joiner_->session(),
                      {.wrapped_domain_kek = wrapped.domain_kek,
                       .wrapped_binding_key = wrapped.binding_key,
                       .transcript = transcript},
                      wrapped.holder_proof);
  }
  void Pair() {
    const Result<Bytes> proof = Take(Release(kTranscript), kTranscript);
    ASSERT_THAT(proof, Succeeds());
    ASSERT_THAT(ProveDomain(holder_->session(), kTranscript, *proof), Succeeds());
  }

  inline static const Bytes kTranscript = ToBytes("the transcript of a ceremony");

  test::TestToken softhsm_{TokenKind::kSoftHsm};
  std::optional<test::TestToken> nss_;
  // In this order: the first has initialized SoftHSM, and goes last.
  std::unique_ptr<Place> holder_;
  std::unique_ptr<Place> joiner_;

 private:
  // A second token beside the first.
  hsm::ConnectionOptions SecondOptions() const {
    hsm::ConnectionOptions options = softhsm_.options();
    options.token.label = std::string(kJoinerLabel);
    EXPECT_THAT(PrepareToken(softhsm_.module(), options.token,
                             Secret(AsBytes(test::TestToken::kSoPin)), test::TestToken::Pin()),
                Succeeds());
    return options;
  }
};

inline std::string KindsName(const testing::TestParamInfo<Kinds>& info) {
  return test::Name(info.param.holder) + "To" + test::Name(info.param.joiner);
}

// Each pair of the kinds of which one process can have two tokens.
#define TWINSEAL_ON_EACH_PAIR(suite)                                                  \
  INSTANTIATE_TEST_SUITE_P(On, suite,                                                 \
                           testing::Values(Kinds{}, Kinds{.holder = TokenKind::kNss}, \
                                           Kinds{.joiner = TokenKind::kNss}),         \
                           KindsName)
#define TWINSEAL_ON_TWO_SOFTHSM_TOKENS(suite) \
  INSTANTIATE_TEST_SUITE_P(On, suite, testing::Values(Kinds{}), KindsName)

}  // namespace twinseal::core
