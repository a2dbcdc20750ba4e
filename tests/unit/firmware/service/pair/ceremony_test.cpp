// The ceremony as it is meant: whole, interrupted, repeated, and out of order.
#include "common/crypto/x509.h"
#include "tests/unit/firmware/service/pair/ceremony_fixture.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;
using ::testing::HasSubstr;

TEST_F(CeremonyTest, MakesOneDomainOfTwoAppliances) {
  GoTo(Step::kConcluded);
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
  EXPECT_FALSE(joiner_vault->has_transport_key());
  EXPECT_EQ(HolderPhase(), v1::PairState::MOVING);
  EXPECT_EQ(JoinerPhase(), v1::PairState::ACCEPTED);
  EXPECT_EQ(holder_restarts, 1);
  EXPECT_EQ(joiner_restarts, 1);
  EXPECT_FALSE(Waits(holder_folder));
  EXPECT_FALSE(Waits(joiner_folder));
}

TEST_F(CeremonyTest, BothSidesKeepTheSamePair) {
  GoTo(Step::kConcluded);
  const v1::PairState a = holder_file->state();
  const v1::PairState b = joiner_file->state();
  EXPECT_EQ(a.config().SerializeAsString(), b.config().SerializeAsString());
  EXPECT_EQ(a.answer().SerializeAsString(), b.answer().SerializeAsString());
  EXPECT_EQ(a.agreement().SerializeAsString(), b.agreement().SerializeAsString());
  EXPECT_EQ(a.operator_ca_pem(), b.operator_ca_pem());
  EXPECT_EQ(a.ledger_ca_pem(), b.ledger_ca_pem());
  EXPECT_EQ(a.site(), "a");
  EXPECT_EQ(b.site(), "b");

  const v1::PairConfig& config = a.config();
  EXPECT_EQ(config.epoch(), 1U);
  EXPECT_EQ(config.domain_id().size(), 32U);
  EXPECT_EQ(config.cluster_token().size(), 32U);
  ASSERT_EQ(config.places_size(), 3);
  EXPECT_EQ(config.places(0).name(), "a");
  EXPECT_EQ(config.places(0).peer(), "192.0.2.1:2380");
  EXPECT_EQ(config.places(0).identity_public_key_der(), vault->identity_der());
  EXPECT_EQ(config.places(1).name(), "b");
  EXPECT_EQ(config.places(1).api(), "https://192.0.2.2:8443");
  EXPECT_EQ(config.places(1).identity_public_key_der(), joiner_vault->identity_der());
  EXPECT_EQ(config.places(2).name(), "agent");
  EXPECT_TRUE(config.places(2).witness());
  EXPECT_FALSE(config.places(0).witness() || config.places(1).witness());
}

TEST_F(CeremonyTest, TheJoinerGetsTheDomainsOwnKeys) {
  GoTo(Step::kConcluded);
  const v1::PairState b = joiner_file->state();
  ASSERT_EQ(b.own_keys_size(), 2);
  for (const v1::OwnKeyCopy& copy : b.own_keys()) {
    v1::Key key;
    ASSERT_TRUE(key.ParseFromString(copy.key()));
    EXPECT_EQ(key.SerializeAsString(),
              store.Read(directory.Find(key.name())->id)->SerializeAsString());
    EXPECT_TRUE(Install(joiner_core, AsBytes(copy.replica_blob()), Soon()).ok());
    EXPECT_TRUE(joiner_vault->Find(key.key_id()));
  }
  const auto ledger_ca_certificate = crypto::Certificate::FromPem(b.ledger_ca_pem());
  ASSERT_THAT(ledger_ca_certificate, Succeeds());
  EXPECT_EQ(ledger_ca_certificate->der(), ledger_ca->certificate().der());
}

TEST_F(CeremonyTest, BothConsolesAreAskedTheSameThing) {
  GoTo(Step::kAgreed);
  EXPECT_EQ(heard.answer.code(), heard.agreement.code());
  EXPECT_TRUE(Waits(holder_folder));
  EXPECT_TRUE(Waits(joiner_folder));
  EXPECT_EQ(HolderPhase(), v1::PairState::AGREED);
  EXPECT_EQ(JoinerPhase(), v1::PairState::ANSWERED);
  const Result<v1::GetPairResponse> described = joiner->Describe();
  ASSERT_THAT(described, Succeeds());
  EXPECT_EQ(described->phase(), "answered");
  EXPECT_EQ(described->code(), heard.answer.code());
  EXPECT_EQ(described->pairing_id(), PairingId());
  EXPECT_THAT(described->detail(), HasSubstr("twinseal pair confirm"));
}

TEST_F(CeremonyTest, TheAuditLogHoldsTheTranscriptAndBothSignatures) {
  GoTo(Step::kConcluded);
  const std::vector<v1::AuditRecord> records = Records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].operation(), "pair/Conclude");
  EXPECT_EQ(records[0].outcome(), "ok");
  const v1::PairState state = holder_file->state();
  for (const std::string& part :
       {state.answer().body(), state.answer().signature(), state.agreement().signature()}) {
    EXPECT_THAT(records[0].detail(), HasSubstr(Base64Encode(AsBytes(part))));
  }
  EXPECT_THAT(records[0].detail(), HasSubstr(heard.answer.code()));
  EXPECT_THAT(records[0].detail(), HasSubstr(FingerprintOf(joiner_vault->identity_der())));
  EXPECT_EQ(records[0].detail(), DescribePairing(joiner_file->state()));
}

TEST_F(CeremonyTest, GoesOnWhateverProcessEndsBetweenTwoSteps) {
  const auto begun = Begin();
  ASSERT_THAT(begun, Succeeds());
  heard.offer = begun->offer();
  const auto restart = [this] {
    RestartHolder();
    RestartJoiner();
  };
  restart();
  const auto answered = Answer(heard.offer);
  ASSERT_THAT(answered, Succeeds());
  restart();
  const auto agreed = Agree(answered->answer());
  ASSERT_THAT(agreed, Succeeds());
  heard.answer = *answered;
  heard.agreement = *agreed;
  restart();
  ConfirmBoth();
  restart();
  const auto released = Release(PairingId());
  ASSERT_THAT(released, Succeeds());
  restart();
  const auto accepted = Accept(released->agreement(), released->release());
  ASSERT_THAT(accepted, Succeeds());
  restart();
  ASSERT_THAT(Conclude(PairingId(), accepted->joiner_proof()), Succeeds());
  restart();
  EXPECT_EQ(HolderPhase(), v1::PairState::MOVING);
  EXPECT_EQ(JoinerPhase(), v1::PairState::ACCEPTED);
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
}

TEST_F(CeremonyTest, EveryStepGivesTheSameAnswerAgain) {
  GoTo(Step::kAgreed);
  RestartHolder();
  RestartJoiner();
  EXPECT_EQ(Answer(heard.offer)->SerializeAsString(), heard.answer.SerializeAsString());
  EXPECT_EQ(Agree(heard.answer.answer())->SerializeAsString(), heard.agreement.SerializeAsString());
  ConfirmBoth();
  const auto released = Release(PairingId());
  ASSERT_THAT(released, Succeeds());
  RestartHolder();
  EXPECT_EQ(Release(PairingId())->SerializeAsString(), released->SerializeAsString());
  const auto accepted = Accept(released->agreement(), released->release());
  ASSERT_THAT(accepted, Succeeds());
  RestartJoiner();
  EXPECT_EQ(Accept(released->agreement(), released->release())->SerializeAsString(),
            accepted->SerializeAsString());
  const auto concluded = Conclude(PairingId(), accepted->joiner_proof());
  ASSERT_THAT(concluded, Succeeds());
  RestartHolder();
  EXPECT_EQ(Conclude(PairingId(), accepted->joiner_proof())->SerializeAsString(),
            concluded->SerializeAsString());
  EXPECT_EQ(concluded->config().SerializeAsString(),
            holder_file->state().config().SerializeAsString());
  EXPECT_EQ(holder_restarts, 1);
  EXPECT_EQ(joiner_restarts, 1);
  EXPECT_EQ(Records().size(), 1U);
}

// The joiner serves by then, and answers a caller that did not hear it.
TEST_F(CeremonyTest, AServingJoinerRepeatsWhatItAccepted) {
  GoTo(Step::kAccepted);
  v1::AcceptDomainRequest request;
  *request.mutable_release() = heard.release.release();
  const auto again = RepeatAccept(joiner_file->state(), request);
  ASSERT_THAT(again, Succeeds());
  EXPECT_EQ(again->joiner_proof(), heard.joiner_proof);
  request.mutable_release()->set_body("another");
  EXPECT_THAT(RepeatAccept(joiner_file->state(), request),
              FailsWith(Code::kFailedPrecondition, "belongs to a domain already"));
  // The holder has accepted nothing.
  EXPECT_THAT(RepeatAccept(holder_file->state(), request),
              FailsWith(Code::kFailedPrecondition, "belongs to a domain already"));
}

TEST_F(CeremonyTest, ARequestThatComesAgainGetsTheSameOffer) {
  const v1::BeginPairingRequest request = BeginRequest();
  const auto begun = holder->Begin(request, Soon());
  ASSERT_THAT(begun, Succeeds());
  heard.offer = begun->offer();
  const auto comes_again = [&] {
    RestartHolder();
    const auto again = holder->Begin(request, Soon());
    EXPECT_THAT(again, Succeeds());
    EXPECT_EQ(again->offer().SerializeAsString(), begun->offer().SerializeAsString());
  };
  comes_again();
  const auto answered = Answer(heard.offer);
  ASSERT_THAT(answered, Succeeds());
  comes_again();
  ASSERT_THAT(Agree(answered->answer()), Succeeds());
  comes_again();
  EXPECT_EQ(HolderPhase(), v1::PairState::AGREED);
  v1::BeginPairingRequest other = request;
  other.set_joiner_name("c");
  EXPECT_THAT(holder->Begin(other, Soon()), FailsWith(Code::kAlreadyExists, "another request"));
}

TEST_F(CeremonyTest, AnOfferMayBeMadeAnewUntilItIsAgreed) {
  GoTo(Step::kAnswered);
  const v1::AnswerPairingResponse to_the_first = heard.answer;
  const std::string first = PairingId();
  const auto again = Begin();
  ASSERT_THAT(again, Succeeds());
  EXPECT_THAT(Agree(to_the_first.answer()), FailsWith(Code::kInvalidArgument, "newest offer"));
  // The joiner keeps to the code that its operator may have begun to compare.
  EXPECT_THAT(Answer(again->offer()), FailsWith(Code::kFailedPrecondition, "twinseal pair abort"));
  ASSERT_THAT(AbortJoiner(first), Succeeds());
  heard.offer = again->offer();
  const auto answered = Answer(heard.offer);
  ASSERT_THAT(answered, Succeeds());
  ASSERT_THAT(Agree(answered->answer()), Succeeds());
  EXPECT_THAT(Begin(), FailsWith(Code::kFailedPrecondition, "twinseal pair confirm"));
}

TEST_F(CeremonyTest, StepsThatAreNotDueAreRefusedAndChangeNothing) {
  const std::string nobody = RandomId();
  const auto not_due = [](const std::string& text) {
    return FailsWith(Code::kFailedPrecondition, text);
  };
  EXPECT_THAT(Agree({}), not_due("twinseal pair create"));
  EXPECT_THAT(Release(nobody), not_due("twinseal pair create"));
  EXPECT_THAT(Conclude(nobody, "proof"), not_due("twinseal pair create"));
  EXPECT_THAT(Accept({}, {}), not_due("twinseal pair create"));

  GoTo(Step::kBegun);
  EXPECT_THAT(Release(PairingId()), not_due("answer is due"));
  EXPECT_THAT(Conclude(PairingId(), "proof"), not_due("answer is due"));
  EXPECT_THAT(Release(nobody), not_due("not the one that was named"));
  EXPECT_EQ(HolderPhase(), v1::PairState::OFFERED);

  const auto answered = Answer(heard.offer);
  ASSERT_THAT(answered, Succeeds());
  const auto agreed = Agree(answered->answer());
  ASSERT_THAT(agreed, Succeeds());
  EXPECT_THAT(Conclude(PairingId(), "proof"), not_due("twinseal pair confirm"));
  EXPECT_THAT(Agree(heard.offer), not_due("twinseal pair confirm"));
  EXPECT_EQ(HolderPhase(), v1::PairState::AGREED);

  heard.answer = *answered;
  heard.agreement = *agreed;
  ConfirmBoth();
  const auto released = Release(PairingId());
  ASSERT_THAT(released, Succeeds());
  EXPECT_THAT(Begin(), not_due("has to accept"));
  EXPECT_THAT(Agree(answered->answer()), not_due("has to accept"));
  EXPECT_EQ(HolderPhase(), v1::PairState::RELEASED);
}

TEST_F(CeremonyTest, APairedHolderBeginsNoOther) {
  GoTo(Step::kConcluded);
  const std::string before = holder_file->state().SerializeAsString();
  const auto refused = FailsWith(Code::kFailedPrecondition, "belongs to a pair already");
  EXPECT_THAT(Begin(), refused);
  EXPECT_THAT(Agree(heard.answer.answer()), refused);
  EXPECT_THAT(Release(PairingId()), refused);
  EXPECT_TRUE(holder_file->state().SerializeAsString() == before);
}

// Between its answer and its restart the joiner still takes steps from anybody.
TEST_F(CeremonyTest, AJoinerThatHasAcceptedTakesNoOtherOffer) {
  GoTo(Step::kAccepted);
  const std::string before = joiner_file->state().SerializeAsString();
  EXPECT_THAT(Answer(heard.offer), FailsWith(Code::kFailedPrecondition, "already"));
  EXPECT_TRUE(joiner_file->state().SerializeAsString() == before);
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
}

TEST_F(CeremonyTest, NeedsThreePlacesWithThreeNames) {
  const auto begin = [this](const std::string& joiner_name, const std::string& witness_name) {
    v1::BeginPairingRequest request = BeginRequest();
    request.set_joiner_name(joiner_name);
    request.set_witness_name(witness_name);
    return holder->Begin(request, Soon());
  };
  EXPECT_THAT(begin("a", "agent"), FailsWith(Code::kInvalidArgument, "three names"));
  EXPECT_THAT(begin("b", "a"), FailsWith(Code::kInvalidArgument, "three names"));
  EXPECT_THAT(begin("b", "b"), FailsWith(Code::kInvalidArgument, "three names"));
  for (const std::string& name :
       {std::string(), std::string("B"), std::string("../b"), std::string(10'000, 'b')}) {
    EXPECT_EQ(begin(name, "agent").error().code(), Code::kInvalidArgument);
    EXPECT_EQ(begin("b", name).error().code(), Code::kInvalidArgument);
  }
  EXPECT_EQ(HolderPhase(), v1::PairState::ALONE);
}

TEST_F(CeremonyTest, AStepThatTheCoreCannotDoCanBeRepeated) {
  const auto away = [](const v1::CoreRequest&) { return Error(Code::kUnavailable, "it is away"); };
  const auto unavailable = FailsWith(Code::kUnavailable, "away");
  const auto once_it_is_back = [&](FakeVault& of, const auto& step) {
    of.SetFault(away);
    EXPECT_THAT(step(), unavailable);
    of.SetFault(nullptr);
    auto done = step();
    EXPECT_THAT(done, Succeeds());
    return done;
  };
  heard.offer = once_it_is_back(*vault, [&] { return Begin(); })->offer();
  heard.answer = *once_it_is_back(*joiner_vault, [&] { return Answer(heard.offer); });
  heard.agreement = *once_it_is_back(*vault, [&] { return Agree(heard.answer.answer()); });
  ConfirmBoth();
  const auto released = once_it_is_back(*vault, [&] { return Release(PairingId()); });
  const auto accepted = once_it_is_back(
      *joiner_vault, [&] { return Accept(released->agreement(), released->release()); });
  const auto concluded =
      once_it_is_back(*vault, [&] { return Conclude(PairingId(), accepted->joiner_proof()); });
  EXPECT_EQ(concluded->config().places_size(), 3);
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
}

TEST_F(CeremonyTest, WhatCannotBeAuditedIsNotConcluded) {
  GoTo(Step::kAccepted);
  audit->Stop();
  EXPECT_FALSE(Conclude(PairingId(), heard.joiner_proof).ok());
  EXPECT_EQ(HolderPhase(), v1::PairState::RELEASED);
  EXPECT_EQ(holder_restarts, 0);
}

}  // namespace
}  // namespace twinseal::service
