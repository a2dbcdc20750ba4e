// Somebody is in between: whatever is changed, exchanged or skipped is found before a domain's key
// can be used anywhere else.
#include "tests/unit/firmware/service/pair/ceremony_fixture.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;

class TamperedCeremonyTest : public CeremonyTest {
 protected:
  using Change = std::function<void(v1::PairingTranscript&)>;

  // Another appliance's signature, which is sound in itself.
  v1::SignedMessage SignedByStranger(std::string_view purpose, const std::string& body) {
    return *SignAsIdentity(
        [this](v1::CoreRequest request) {
          return CallAndWait(stranger_core, std::move(request), Soon());
        },
        purpose, body);
  }
  // As the holder could sign it, if it wanted to.
  v1::SignedMessage SignedByHolder(std::string_view purpose, const std::string& body) {
    return *SignAsIdentity(
        [this](v1::CoreRequest request) { return CallAndWait(core, std::move(request), Soon()); },
        purpose, body);
  }
  v1::SignedMessage SignedByJoiner(std::string_view purpose, const std::string& body) {
    return *SignAsIdentity(
        [this](v1::CoreRequest request) {
          return CallAndWait(joiner_core, std::move(request), Soon());
        },
        purpose, body);
  }
  static std::string Changed(const std::string& body, const Change& change) {
    v1::PairingTranscript transcript;
    EXPECT_TRUE(transcript.ParseFromString(body));
    change(transcript);
    return transcript.SerializeAsString();
  }

  void ExpectNoDomainAtTheJoiner() {
    EXPECT_EQ(joiner_vault->domain(), "");
    EXPECT_EQ(JoinerPhase(), v1::PairState::ANSWERED);
    EXPECT_EQ(joiner_restarts, 0);
  }

  std::shared_ptr<FakeVault> stranger = std::make_shared<FakeVault>();
  DirectCore stranger_core{stranger};
};

TEST_F(TamperedCeremonyTest, AnOfferThatWasChangedIsRefused) {
  GoTo(Step::kBegun);
  v1::SignedMessage changed = heard.offer;
  changed.set_body(Changed(heard.offer.body(), [](v1::PairingTranscript& transcript) {
    transcript.mutable_witness()->set_peer("203.0.113.1:2380");
  }));
  EXPECT_THAT(Answer(changed), FailsWith(Code::kPermissionDenied, "somebody may be in between"));
  changed = heard.offer;
  changed.set_signature(SignedByStranger(kOffer, heard.offer.body()).signature());
  EXPECT_THAT(Answer(changed), FailsWith(Code::kPermissionDenied, "offer"));
  // Signed by the holder, for something else.
  EXPECT_THAT(Answer(SignedByHolder(kAgreement, heard.offer.body())),
              FailsWith(Code::kPermissionDenied, "offer"));
  for (const std::string& body :
       {std::string(), std::string("\xff"), heard.offer.body() + "\xff"}) {
    EXPECT_THAT(Answer(SignedByHolder(kOffer, body)),
                FailsWith(Code::kInvalidArgument, "transcript"));
  }
  EXPECT_EQ(JoinerPhase(), v1::PairState::JOINING);
  EXPECT_FALSE(joiner_vault->has_transport_key());
}

TEST_F(TamperedCeremonyTest, AnOfferForAnotherSiteIsRefused) {
  GoTo(Step::kBegun);
  const std::string body = Changed(heard.offer.body(), [](v1::PairingTranscript& transcript) {
    transcript.mutable_joiner()->set_name("c");
  });
  EXPECT_THAT(Answer(SignedByHolder(kOffer, body)),
              FailsWith(Code::kInvalidArgument, "for site c; this is site b"));
  EXPECT_EQ(JoinerPhase(), v1::PairState::JOINING);
}

// Another appliance in the holder's place: its offer is sound, so the codes are what tells.
TEST_F(TamperedCeremonyTest, AnotherHolderLeadsToAnotherCode) {
  GoTo(Step::kBegun);
  const std::string body = Changed(heard.offer.body(), [this](v1::PairingTranscript& transcript) {
    transcript.mutable_holder()->set_identity_public_key_der(stranger->identity_der());
  });
  const auto answered = Answer(SignedByStranger(kOffer, body));
  ASSERT_THAT(answered, Succeeds());
  // What the stranger passes on to the true holder cannot be the joiner's own answer.
  EXPECT_THAT(Agree(answered->answer()), FailsWith(Code::kInvalidArgument, "newest offer"));
  v1::PairingTranscript as_joiner;
  ASSERT_TRUE(as_joiner.ParseFromString(heard.offer.body()));
  as_joiner.mutable_joiner()->set_identity_public_key_der(stranger->identity_der());
  as_joiner.set_joiner_nonce(RandomNonce());
  as_joiner.set_joiner_transport_public_key_der(NewKeyPair().public_der);
  const auto agreed = Agree(SignedByStranger(kAnswer, as_joiner.SerializeAsString()));
  ASSERT_THAT(agreed, Succeeds());
  EXPECT_NE(agreed->code(), answered->code());
  // Each operator confirms the code of the own console, which is why they compare them. With one
  // that is the other's, nothing is released.
  Confirm(holder_folder.path(), PairingId(), answered->code());
  EXPECT_THAT(Release(PairingId()), FailsWith(Code::kFailedPrecondition, "has not confirmed"));
}

TEST_F(TamperedCeremonyTest, AnAnswerThatWasChangedIsRefused) {
  GoTo(Step::kAnswered);
  const std::string& body = heard.answer.answer().body();
  v1::SignedMessage changed = heard.answer.answer();
  changed.set_body(Changed(body, [](v1::PairingTranscript& transcript) {
    transcript.set_joiner_transport_public_key_der(NewKeyPair().public_der);
  }));
  EXPECT_THAT(Agree(changed), FailsWith(Code::kPermissionDenied, "answer"));
  changed = heard.answer.answer();
  changed.set_signature(SignedByStranger(kAnswer, body).signature());
  EXPECT_THAT(Agree(changed), FailsWith(Code::kPermissionDenied, "answer"));
  EXPECT_THAT(Agree(SignedByJoiner(kOffer, body)), FailsWith(Code::kPermissionDenied, "answer"));
  EXPECT_EQ(HolderPhase(), v1::PairState::OFFERED);
  EXPECT_FALSE(Waits(holder_folder));
}

// What the joiner itself may not choose, however it signs.
TEST_F(TamperedCeremonyTest, AnAnswerAddsTheJoinersPartsAlone) {
  GoTo(Step::kAnswered);
  const std::vector<Change> changes = {
      [](v1::PairingTranscript& transcript) { transcript.set_pairing_id(RandomId()); },
      [](v1::PairingTranscript& transcript) { transcript.set_domain_id(RandomId()); },
      [](v1::PairingTranscript& transcript) { transcript.set_cluster_token(RandomId()); },
      [](v1::PairingTranscript& transcript) { transcript.set_holder_nonce(RandomNonce()); },
      [](v1::PairingTranscript& transcript) { transcript.set_time_unix_ms(1); },
      [](v1::PairingTranscript& transcript) { transcript.mutable_holder()->set_peer("x:1"); },
      [](v1::PairingTranscript& transcript) { transcript.mutable_witness()->set_name("eve"); },
      [](v1::PairingTranscript& transcript) { transcript.mutable_witness()->set_witness(false); },
      [](v1::PairingTranscript& transcript) { transcript.mutable_joiner()->set_name("c"); },
  };
  for (const Change& change : changes) {
    const std::string body = Changed(heard.answer.answer().body(), change);
    EXPECT_THAT(Agree(SignedByJoiner(kAnswer, body)),
                FailsWith(Code::kInvalidArgument, "newest offer"));
  }
  EXPECT_EQ(HolderPhase(), v1::PairState::OFFERED);
  EXPECT_THAT(Agree(heard.answer.answer()), Succeeds());
}

TEST_F(TamperedCeremonyTest, AnAgreementThatIsNotTheHoldersIsRefused) {
  GoTo(Step::kReleased);
  const v1::SignedMessage& release = heard.release.release();
  v1::SignedMessage agreement = heard.release.agreement();
  agreement.set_signature(SignedByStranger(kAgreement, agreement.body()).signature());
  EXPECT_THAT(Accept(agreement, release), FailsWith(Code::kPermissionDenied, "agreement"));
  agreement = heard.release.agreement();
  agreement.set_body(Changed(agreement.body(), [](v1::PairingTranscript& transcript) {
    transcript.set_cluster_token(RandomId());
  }));
  EXPECT_THAT(Accept(agreement, release), FailsWith(Code::kInvalidArgument, "not of the pairing"));
  EXPECT_THAT(Accept(SignedByHolder(kOffer, heard.release.agreement().body()), release),
              FailsWith(Code::kPermissionDenied, "agreement"));
  EXPECT_THAT(Accept({}, release), FailsWith(Code::kInvalidArgument, "not of the pairing"));
  ExpectNoDomainAtTheJoiner();
  EXPECT_THAT(Accept(heard.release.agreement(), release), Succeeds());
}

TEST_F(TamperedCeremonyTest, AReleaseThatWasChangedIsRefused) {
  GoTo(Step::kReleased);
  const v1::SignedMessage& agreement = heard.release.agreement();
  v1::DomainRelease sound;
  ASSERT_TRUE(sound.ParseFromString(heard.release.release().body()));

  // Somebody else's, whatever it says.
  EXPECT_THAT(Accept(agreement, SignedByStranger(kRelease, sound.SerializeAsString())),
              FailsWith(Code::kPermissionDenied, "release"));
  v1::SignedMessage changed = heard.release.release();
  v1::DomainRelease other_ca = sound;
  other_ca.set_operator_ca_pem("another CA");
  changed.set_body(other_ca.SerializeAsString());
  EXPECT_THAT(Accept(agreement, changed), FailsWith(Code::kPermissionDenied, "release"));
  EXPECT_THAT(Accept(agreement, SignedByHolder(kAgreement, sound.SerializeAsString())),
              FailsWith(Code::kPermissionDenied, "release"));
  changed.set_body("\xff");
  EXPECT_THAT(Accept(agreement, changed), FailsWith(Code::kInvalidArgument, "not of the pairing"));
  v1::DomainRelease other_transcript = sound;
  other_transcript.set_transcript("another");
  EXPECT_THAT(Accept(agreement, SignedByHolder(kRelease, other_transcript.SerializeAsString())),
              FailsWith(Code::kInvalidArgument, "not of the pairing"));
  ExpectNoDomainAtTheJoiner();
}

// A holder that signs anything: what it signs must still fit what its HSM has wrapped.
TEST_F(TamperedCeremonyTest, ExchangedKeysDoNotOpen) {
  GoTo(Step::kReleased);
  v1::DomainRelease sound;
  ASSERT_TRUE(sound.ParseFromString(heard.release.release().body()));
  const auto accept = [&](const v1::DomainRelease& release) {
    return Accept(heard.release.agreement(), SignedByHolder(kRelease, release.SerializeAsString()));
  };
  v1::DomainRelease swapped = sound;
  swapped.set_wrapped_domain_kek(sound.wrapped_binding_key());
  swapped.set_wrapped_binding_key(sound.wrapped_domain_kek());
  EXPECT_EQ(accept(swapped).error().code(), Code::kDataLoss);
  v1::DomainRelease no_proof = sound;
  no_proof.clear_holder_proof();
  EXPECT_EQ(accept(no_proof).error().code(), Code::kDataLoss);

  // Wrapped under a transport key that is another's.
  v1::CoreRequest wrap;
  wrap.mutable_wrap_domain()->set_transport_public_key_der(NewKeyPair().public_der);
  wrap.mutable_wrap_domain()->set_transcript(sound.transcript());
  const v1::CoreResponse wrapped = *CallAndWait(core, wrap, Soon());
  v1::DomainRelease elsewhere = sound;
  elsewhere.set_wrapped_domain_kek(wrapped.wrap_domain().wrapped_domain_kek());
  elsewhere.set_wrapped_binding_key(wrapped.wrap_domain().wrapped_binding_key());
  elsewhere.set_holder_proof(wrapped.wrap_domain().holder_proof());
  EXPECT_EQ(accept(elsewhere).error().code(), Code::kDataLoss);
  ExpectNoDomainAtTheJoiner();
  EXPECT_THAT(accept(sound), Succeeds());
}

TEST_F(TamperedCeremonyTest, NothingIsReleasedBeforeTheHoldersOperatorHasConfirmed) {
  GoTo(Step::kAgreed);
  const auto not_yet = FailsWith(Code::kFailedPrecondition, "site a has not confirmed");
  EXPECT_THAT(Release(PairingId()), not_yet);
  Confirm(holder_folder.path(), PairingId(), "00000 00000 00000 00000 00000 00000");
  EXPECT_THAT(Release(PairingId()), not_yet);
  Confirm(holder_folder.path(), RandomId(), heard.agreement.code());
  EXPECT_THAT(Release(PairingId()), not_yet);
  Confirm(joiner_folder.path(), PairingId(), heard.answer.code());
  EXPECT_THAT(Release(PairingId()), not_yet);
  EXPECT_EQ(HolderPhase(), v1::PairState::AGREED);
  EXPECT_EQ(holder_file->state().release().body(), "");
}

TEST_F(TamperedCeremonyTest, NothingIsAcceptedBeforeTheJoinersOperatorHasConfirmed) {
  GoTo(Step::kAgreed);
  Confirm(holder_folder.path(), PairingId(), heard.agreement.code());
  const auto released = Release(PairingId());
  ASSERT_THAT(released, Succeeds());
  const auto not_yet = FailsWith(Code::kFailedPrecondition, "site b has not confirmed");
  EXPECT_THAT(Accept(released->agreement(), released->release()), not_yet);
  Confirm(joiner_folder.path(), PairingId(), "00000 00000 00000 00000 00000 00000");
  EXPECT_THAT(Accept(released->agreement(), released->release()), not_yet);
  ExpectNoDomainAtTheJoiner();
  Confirm(joiner_folder.path(), PairingId(), heard.answer.code());
  EXPECT_THAT(Accept(released->agreement(), released->release()), Succeeds());
}

TEST_F(TamperedCeremonyTest, AWrongProofConcludesNothing) {
  GoTo(Step::kAccepted);
  for (const std::string& proof : {std::string(), std::string(32, 'x'), heard.joiner_proof + "x"}) {
    EXPECT_EQ(Conclude(PairingId(), proof).error().code(), Code::kDataLoss);
  }
  EXPECT_THAT(Conclude(RandomId(), heard.joiner_proof),
              FailsWith(Code::kFailedPrecondition, "not the one that was named"));
  EXPECT_EQ(HolderPhase(), v1::PairState::RELEASED);
  EXPECT_EQ(holder_restarts, 0);
  EXPECT_TRUE(Records().empty());
  EXPECT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
}

}  // namespace
}  // namespace twinseal::service
