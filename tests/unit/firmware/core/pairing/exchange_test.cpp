// A domain goes from one HSM into another.
#include <fmt/format.h>

#include "common/crypto/digest.h"
#include "firmware/core/pairing/derived_secret.h"
#include "hsm/wrapping/transport_key.h"
#include "tests/unit/firmware/core/pairing/places.h"

namespace twinseal::core {
namespace {

class ExchangeTest : public PlacesTest {};
TWINSEAL_ON_EACH_PAIR(ExchangeTest);

TEST_P(ExchangeTest, TheJoinerHasTheDomainAndBothKnowIt) {
  EXPECT_THAT(CheckApplianceKeys(joiner_->session()),
              FailsWith(Code::kFailedPrecondition, "`twinseal pair create`"));
  const WrappedDomain wrapped = Release(kTranscript);
  const Result<Bytes> proof = Take(wrapped, kTranscript);
  ASSERT_THAT(proof, Succeeds());
  EXPECT_THAT(ProveDomain(holder_->session(), kTranscript, *proof), Succeeds());
  EXPECT_THAT(CheckApplianceKeys(joiner_->session()), Succeeds());
  const auto here = DeriveSecret(holder_->session(), "ledger-seal");
  const auto there = DeriveSecret(joiner_->session(), "ledger-seal");
  ASSERT_THAT(here, Succeeds());
  ASSERT_THAT(there, Succeeds());
  EXPECT_TRUE(*here == *there);
  EXPECT_EQ(joiner_->Count(CKO_PRIVATE_KEY, kTransportLabel), 0U);
  EXPECT_EQ(joiner_->Count(CKO_PUBLIC_KEY, kTransportLabel), 0U);
}

TEST_P(ExchangeTest, TheKeysThatArriveAreAsSetUpMakesThem) {
  Pair();
  for (const std::string_view label : {kDomainKekLabel, kBindingKeyLabel}) {
    const auto made = holder_->session().FindTokenObject(CKO_SECRET_KEY, label);
    const auto came = joiner_->session().FindTokenObject(CKO_SECRET_KEY, label);
    ASSERT_THAT(made, Succeeds());
    ASSERT_THAT(came, Succeeds());
    for (const CK_ATTRIBUTE_TYPE type : {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_EXTRACTABLE}) {
      EXPECT_EQ(*holder_->session().GetBool(*made, type), *joiner_->session().GetBool(*came, type))
          << label << " " << type;
    }
    EXPECT_EQ(*holder_->session().GetUlong(*made, CKA_KEY_TYPE),
              *joiner_->session().GetUlong(*came, CKA_KEY_TYPE));
  }
}

TEST_P(ExchangeTest, AWrongProofLeavesNothing) {
  WrappedDomain wrapped = Release(kTranscript);
  wrapped.holder_proof.front() ^= 1;
  EXPECT_THAT(Take(wrapped, kTranscript), FailsWith(Code::kDataLoss, "holder's proof"));
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
  wrapped.holder_proof.clear();
  EXPECT_THAT(Take(wrapped, kTranscript), FailsWith(Code::kDataLoss, "holder's proof"));
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
}

TEST_P(ExchangeTest, AnotherTransportKeysWrappedBytesAreRefused) {
  const WrappedDomain wrapped = Release(kTranscript);
  ASSERT_THAT(MakeTransportKey(joiner_->session()), Succeeds());
  EXPECT_EQ(joiner_->Count(CKO_PRIVATE_KEY, kTransportLabel), 1U);
  EXPECT_THAT(Take(wrapped, kTranscript), FailsWith(Code::kDataLoss, "another transport key"));
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
}

class IntakeTest : public PlacesTest {};
TWINSEAL_ON_TWO_SOFTHSM_TOKENS(IntakeTest);

TEST_P(IntakeTest, AWrongProofMayBeFollowedByTheRightOne) {
  const WrappedDomain wrapped = Release(kTranscript);
  WrappedDomain wrong = wrapped;
  wrong.holder_proof.back() ^= 1;
  EXPECT_THAT(Take(wrong, kTranscript), FailsWith(Code::kDataLoss, "begin the pairing anew"));
  EXPECT_THAT(Take(wrapped, kTranscript), Succeeds());
}

TEST_P(IntakeTest, TheProofIsOfThisTranscript) {
  const WrappedDomain wrapped = Release(kTranscript);
  EXPECT_THAT(Take(wrapped, AsBytes("the transcript of another")),
              FailsWith(Code::kDataLoss, "transcript"));
  EXPECT_THAT(Take(wrapped, {}), FailsWith(Code::kInvalidArgument, "take_domain.transcript"));
  const Bytes endless(kMaxTranscriptBytes + 1, 't');
  EXPECT_THAT(Take(wrapped, endless), FailsWith(Code::kInvalidArgument, "take_domain.transcript"));
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
}

TEST_P(IntakeTest, KeysThatChangedPlacesAreRefused) {
  WrappedDomain wrapped = Release(kTranscript);
  std::swap(wrapped.domain_kek, wrapped.binding_key);
  EXPECT_THAT(Take(wrapped, kTranscript), FailsWith(Code::kDataLoss, "holder's proof"));
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
}

TEST_P(IntakeTest, ADomainKekOfSomebodyElsesIsRefused) {
  // Anyone who has seen the transport key can wrap a key of their own under it.
  const auto transport = MakeTransportKey(joiner_->session());
  ASSERT_THAT(transport, Succeeds());
  WrappedDomain wrapped = Release(kTranscript, *transport);
  {
    hsm::Session& session = holder_->session();
    const auto public_key = ImportTransportKey(session, *transport);
    ASSERT_THAT(public_key, Succeeds());
    const auto known = hsm::GenerateWrappingKey(session, {.extractable = true});
    ASSERT_THAT(known, Succeeds());
    auto exchanged = hsm::WrapForTransport(session, public_key->get(), known->get());
    ASSERT_THAT(exchanged, Succeeds());
    wrapped.domain_kek = std::move(*exchanged);
  }
  EXPECT_THAT(Take(wrapped, kTranscript), FailsWith(Code::kDataLoss, "holder's proof"));
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
}

TEST_P(IntakeTest, MayBeAskedAgain) {
  const auto transport = MakeTransportKey(joiner_->session());
  ASSERT_THAT(transport, Succeeds());
  const WrappedDomain wrapped = Release(kTranscript, *transport);
  const WrappedDomain wrapped_again = Release(kTranscript, *transport);
  const Result<Bytes> first = Take(wrapped, kTranscript);
  ASSERT_THAT(first, Succeeds());
  const Result<Bytes> again = Take(wrapped, kTranscript);
  ASSERT_THAT(again, Succeeds());
  EXPECT_EQ(*first, *again);
  // The holder may have been asked again as well.
  EXPECT_THAT(Take(wrapped_again, kTranscript), Succeeds());

  WrappedDomain other = wrapped;
  other.holder_proof.front() ^= 1;
  EXPECT_THAT(Take(other, kTranscript), FailsWith(Code::kFailedPrecondition, "a domain already"));
  EXPECT_THAT(CheckApplianceKeys(joiner_->session()), Succeeds());
}

TEST_P(IntakeTest, FinishesWhatWasInterrupted) {
  const WrappedDomain wrapped = Release(kTranscript);
  {
    auto half = hsm::GenerateWrappingKey(
        joiner_->session(),
        {.token = true, .extractable = true, .label = kDomainKekLabel, .id = {}});
    ASSERT_THAT(half, Succeeds());
    half->Release();
  }
  EXPECT_EQ(joiner_->Domain(), DomainThere::kInPart);
  EXPECT_THAT(MakeTransportKey(joiner_->session()),
              FailsWith(Code::kFailedPrecondition, "interrupted"));
  const Result<Bytes> proof = Take(wrapped, kTranscript);
  ASSERT_THAT(proof, Succeeds());
  EXPECT_EQ(joiner_->Domain(), DomainThere::kWhole);
}

TEST_P(IntakeTest, WantsATransportKeyFirst) {
  const WrappedDomain wrapped = Release(kTranscript);
  ASSERT_THAT(DestroyTransportKey(joiner_->session()), Succeeds());
  EXPECT_THAT(Take(wrapped, kTranscript), FailsWith(Code::kFailedPrecondition, "transport key"));
}

TEST_P(IntakeTest, ASiteWithADomainMakesNoTransportKey) {
  EXPECT_THAT(MakeTransportKey(holder_->session()),
              FailsWith(Code::kFailedPrecondition, "a domain already"));
}

class FaultyIntakeTest : public PlacesTest {};
INSTANTIATE_TEST_SUITE_P(On, FaultyIntakeTest, testing::Values(Kinds{.interposed = true}),
                         KindsName);

TEST_P(FaultyIntakeTest, ATokenThatFailsInTheMiddleKeepsNothing) {
  const WrappedDomain wrapped = Release(kTranscript);
  // Two keys are unwrapped to be looked at, and two to be kept.
  for (const int done : {0, 1, 2, 3}) {
    softhsm_.Script(fmt::format("C_UnwrapKey error CKR_DEVICE_MEMORY after {}\n", done));
    EXPECT_THAT(Take(wrapped, kTranscript), FailsWith(Code::kUnavailable, "CKR_DEVICE_MEMORY"));
    softhsm_.Script("");
    EXPECT_EQ(joiner_->Domain(), DomainThere::kNone) << done;
  }
  EXPECT_THAT(Take(wrapped, kTranscript), Succeeds());
}

TEST_P(FaultyIntakeTest, ATokenWithoutTheMechanismSaysSo) {
  const auto transport = MakeTransportKey(joiner_->session());
  ASSERT_THAT(transport, Succeeds());
  softhsm_.Script("C_GetMechanismList hide CKM_RSA_PKCS_OAEP\n");
  EXPECT_THAT(MakeTransportKey(joiner_->session()),
              FailsWith(Code::kUnimplemented, "CKM_RSA_PKCS_OAEP"));
  EXPECT_THAT(WrapDomain(holder_->session(), *transport, kTranscript),
              FailsWith(Code::kUnimplemented, "CKM_RSA_PKCS_OAEP"));
}

class ReleaseTest : public PlacesTest {};
TWINSEAL_ON_TWO_SOFTHSM_TOKENS(ReleaseTest);

TEST_P(ReleaseTest, WrapsUnderTransportKeysAlone) {
  const auto refused = [this](BytesView key) {
    return WrapDomain(holder_->session(), key, kTranscript);
  };
  const auto of_kind = [this](hsm::KeyKind kind, v1::Algorithm algorithm) {
    const auto pair = hsm::GenerateSigningPair(holder_->session(), kind, {});
    EXPECT_THAT(pair, Succeeds());
    return ReadPublicKey(holder_->session(), algorithm, pair->public_key.get())->der();
  };
  EXPECT_THAT(refused(of_kind(hsm::KeyKind::kEcP256, v1::EC_P256)),
              FailsWith(Code::kInvalidArgument, "transport_public_key_der"));
  EXPECT_THAT(refused(of_kind(hsm::KeyKind::kRsa2048, v1::RSA_2048)),
              FailsWith(Code::kInvalidArgument, "transport_public_key_der"));
  EXPECT_THAT(refused(AsBytes("no key")),
              FailsWith(Code::kInvalidArgument, "transport_public_key_der"));
  EXPECT_THAT(refused({}), FailsWith(Code::kInvalidArgument, "transport_public_key_der"));
}

TEST_P(ReleaseTest, WantsTheCommonPublicExponent) {
  const auto transport = MakeTransportKey(joiner_->session());
  ASSERT_THAT(transport, Succeeds());
  Bytes of_three = *transport;
  // The exponent is the last number in the key: 02 03 01 00 01.
  ASSERT_EQ(of_three.back(), 1U);
  of_three.back() = 3;
  EXPECT_THAT(WrapDomain(holder_->session(), of_three, kTranscript),
              FailsWith(Code::kInvalidArgument, "65537"));
}

TEST_P(ReleaseTest, ASiteWithoutADomainHasNoneToGive) {
  const auto transport = MakeTransportKey(joiner_->session());
  ASSERT_THAT(transport, Succeeds());
  EXPECT_THAT(WrapDomain(joiner_->session(), *transport, kTranscript),
              FailsWith(Code::kFailedPrecondition, std::string(kDomainKekLabel)));
}

TEST_P(ReleaseTest, KnowsAWrongJoinersProof) {
  const Result<Bytes> proof = Take(Release(kTranscript), kTranscript);
  ASSERT_THAT(proof, Succeeds());
  Bytes wrong = *proof;
  wrong.back() ^= 1;
  const auto prove = [this](BytesView transcript, BytesView joiner_proof) {
    return ProveDomain(holder_->session(), transcript, joiner_proof);
  };
  EXPECT_THAT(prove(kTranscript, *proof), Succeeds());
  EXPECT_THAT(prove(kTranscript, wrong), FailsWith(Code::kDataLoss, "joiner's proof"));
  EXPECT_THAT(prove(kTranscript, BytesView(*proof).first(31)),
              FailsWith(Code::kDataLoss, "joiner's proof"));
  EXPECT_THAT(prove(kTranscript, {}), FailsWith(Code::kDataLoss, "joiner's proof"));
  EXPECT_THAT(prove(AsBytes("another"), *proof), FailsWith(Code::kDataLoss, "joiner's proof"));
  EXPECT_THAT(prove({}, *proof), FailsWith(Code::kInvalidArgument, "prove_domain.transcript"));
}

TEST_P(ReleaseTest, TheHoldersProofIsNoJoinersProof) {
  const WrappedDomain wrapped = Release(kTranscript);
  EXPECT_THAT(ProveDomain(holder_->session(), kTranscript, wrapped.holder_proof),
              FailsWith(Code::kDataLoss, "joiner's proof"));
}

}  // namespace
}  // namespace twinseal::core
