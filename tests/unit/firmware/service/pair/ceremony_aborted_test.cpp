// A ceremony that is undone leaves no half-pair, and the way open for another one.
#include "tests/unit/firmware/service/pair/ceremony_fixture.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;

class AbortedCeremonyTest : public CeremonyTest {
 protected:
  void AbortBoth() {
    ASSERT_THAT(AbortJoiner(PairingId()), Succeeds());
    ASSERT_THAT(AbortHolder(PairingId()), Succeeds());
  }

  void ExpectNothingLeft() {
    RestartHolder();
    RestartJoiner();
    v1::PairState alone;
    alone.set_site("a");
    v1::PairState left = holder_file->state();
    left.clear_begin_request_id();  // Should it come again.
    left.clear_begin_request_hash();
    EXPECT_EQ(left.SerializeAsString(), alone.SerializeAsString());
    v1::PairState joining;
    joining.set_site("b");
    joining.set_phase(v1::PairState::JOINING);
    EXPECT_EQ(joiner_file->state().SerializeAsString(), joining.SerializeAsString());
    EXPECT_EQ(joiner_vault->domain(), "");
    EXPECT_FALSE(joiner_vault->has_transport_key());
    for (const TemporaryFolder* data_dir : {&holder_folder, &joiner_folder}) {
      EXPECT_FALSE(Waits(*data_dir));
      EXPECT_FALSE(std::filesystem::exists(data_dir->path() / "pair" / "confirmed"));
    }
    EXPECT_EQ(holder_restarts + joiner_restarts, 0);
  }

  // Aborts after this step, expects that nothing is left, and then goes the whole way.
  void AbortAfter(Step step) {
    GoTo(step);
    const std::string undone = PairingId();
    AbortBoth();
    ExpectNothingLeft();
    // What was heard of the ceremony that is undone is of no use.
    EXPECT_FALSE(Agree(heard.answer.answer()).ok());
    EXPECT_FALSE(Release(undone).ok());
    EXPECT_FALSE(Accept(heard.release.agreement(), heard.release.release()).ok());
    GoTo(Step::kConcluded);
    EXPECT_NE(PairingId(), undone);
    EXPECT_EQ(joiner_vault->domain(), vault->domain());
  }
};

TEST_F(AbortedCeremonyTest, AfterTheOffer) { AbortAfter(Step::kBegun); }
TEST_F(AbortedCeremonyTest, AfterTheAnswer) { AbortAfter(Step::kAnswered); }
TEST_F(AbortedCeremonyTest, AfterTheAgreement) { AbortAfter(Step::kAgreed); }
TEST_F(AbortedCeremonyTest, AfterTheConfirmations) { AbortAfter(Step::kConfirmed); }
TEST_F(AbortedCeremonyTest, AfterTheRelease) { AbortAfter(Step::kReleased); }

// The holder may conclude at any moment from the joiner's proof.
TEST_F(AbortedCeremonyTest, AJoinerThatHasAcceptedKeepsTheDomainUntilTheHolderHasForgotten) {
  GoTo(Step::kAccepted);
  EXPECT_THAT(AbortJoiner(PairingId()), FailsWith(Code::kFailedPrecondition, "accepted"));
  v1::SignedMessage own_word = heard.release.agreement();
  own_word.set_body(PairingId());
  EXPECT_THAT(AbortJoiner(PairingId(), own_word), FailsWith(Code::kPermissionDenied, "signed"));
  v1::SignedMessage of_another = *SignAsIdentity(
      [this](auto request) { return CallAndWait(core, std::move(request), Soon()); }, kAbandonment,
      RandomId());
  EXPECT_THAT(AbortJoiner(PairingId(), of_another),
              FailsWith(Code::kFailedPrecondition, "another one"));
  EXPECT_EQ(JoinerPhase(), v1::PairState::ACCEPTED);
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
  EXPECT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
}

TEST_F(AbortedCeremonyTest, AfterTheAcceptance) {
  GoTo(Step::kAccepted);
  joiner_restarts = 0;
  const auto forgotten = AbortHolder(PairingId());
  ASSERT_THAT(forgotten, Succeeds());
  EXPECT_THAT(Conclude(PairingId(), heard.joiner_proof), FailsWith(Code::kFailedPrecondition, ""));
  // Its answer may have been lost.
  EXPECT_EQ(AbortHolder(PairingId())->abandonment().body(), PairingId());
  ASSERT_THAT(AbortJoiner(PairingId(), forgotten->abandonment()), Succeeds());
  EXPECT_THAT(AbortJoiner(PairingId(), forgotten->abandonment()), Succeeds());
  ExpectNothingLeft();
  GoTo(Step::kConcluded);
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
}

// As it serves by then: what is on the token goes when it has started again.
TEST_F(AbortedCeremonyTest, AfterTheAcceptanceAndARestart) {
  GoTo(Step::kAccepted);
  joiner_restarts = 0;
  v1::AbortPairingRequest request;
  request.set_pairing_id(PairingId());
  *request.mutable_abandonment() = AbortHolder(PairingId())->abandonment();
  ASSERT_THAT(Abandon(*joiner_file, request), Succeeds());
  EXPECT_THAT(Abandon(*joiner_file, request), Succeeds());
  EXPECT_EQ(JoinerPhase(), v1::PairState::ABANDONED);
  RestartJoiner();
  joiner_vault->SetFault([](const v1::CoreRequest&) { return Error(Code::kUnavailable, "away"); });
  EXPECT_THAT(joiner->GiveBack(), FailsWith(Code::kUnavailable, "away"));
  EXPECT_EQ(JoinerPhase(), v1::PairState::ABANDONED);
  joiner_vault->SetFault(nullptr);
  EXPECT_THAT(joiner->GiveBack(), Succeeds());
  EXPECT_THAT(joiner->GiveBack(), Succeeds());
  ExpectNothingLeft();
}

TEST_F(AbortedCeremonyTest, TheRequestThatBeganItComesTooLate) {
  const v1::BeginPairingRequest late = BeginRequest();
  const auto begun = holder->Begin(late, Soon());
  ASSERT_THAT(begun, Succeeds());
  heard.offer = begun->offer();
  ASSERT_THAT(AbortHolder(PairingId()), Succeeds());
  EXPECT_THAT(holder->Begin(late, Soon()), FailsWith(Code::kAborted, "was undone"));
  EXPECT_EQ(HolderPhase(), v1::PairState::ALONE);
  GoTo(Step::kConcluded);
}

TEST_F(AbortedCeremonyTest, AConcludedPairIsNotAborted) {
  GoTo(Step::kConcluded);
  const std::string before = holder_file->state().SerializeAsString();
  EXPECT_THAT(AbortHolder(PairingId()),
              FailsWith(Code::kFailedPrecondition, "twinseal pair leave"));
  EXPECT_TRUE(holder_file->state().SerializeAsString() == before);
}

TEST_F(AbortedCeremonyTest, MayBeRepeatedAndAskedWithoutACeremony) {
  EXPECT_THAT(AbortHolder(RandomId()), Succeeds());
  EXPECT_THAT(AbortJoiner(RandomId()), Succeeds());
  GoTo(Step::kAgreed);
  AbortBoth();
  AbortBoth();
  ExpectNothingLeft();
}

TEST_F(AbortedCeremonyTest, NamesTheCeremonyThatItMeans) {
  GoTo(Step::kAgreed);
  EXPECT_THAT(AbortHolder(RandomId()),
              FailsWith(Code::kFailedPrecondition, "not the one that was named"));
  EXPECT_THAT(AbortJoiner(RandomId()), FailsWith(Code::kFailedPrecondition, "another one"));
  EXPECT_EQ(HolderPhase(), v1::PairState::AGREED);
  EXPECT_EQ(JoinerPhase(), v1::PairState::ANSWERED);
}

TEST_F(AbortedCeremonyTest, IsNotForgottenWhileTheTokenMayHoldSomethingOfIt) {
  GoTo(Step::kAgreed);
  joiner_vault->SetFault([](const v1::CoreRequest&) { return Error(Code::kUnavailable, "away"); });
  EXPECT_THAT(AbortJoiner(PairingId()), FailsWith(Code::kUnavailable, "away"));
  EXPECT_EQ(JoinerPhase(), v1::PairState::ANSWERED);
  joiner_vault->SetFault(nullptr);
  AbortBoth();
  ExpectNothingLeft();
}

// The token has taken the domain, and the process ended before it could keep that.
TEST_F(AbortedCeremonyTest, TakesBackADomainWhoseAcceptanceWasInterrupted) {
  GoTo(Step::kReleased);
  const std::filesystem::path state = joiner_folder.path() / "pair" / "state";
  std::filesystem::rename(state, joiner_folder.path() / "saved");
  std::filesystem::create_directories(state / "in-the-way");
  EXPECT_FALSE(Accept(heard.release.agreement(), heard.release.release()).ok());
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
  EXPECT_EQ(joiner_restarts, 0);
  std::filesystem::remove_all(state);
  std::filesystem::rename(joiner_folder.path() / "saved", state);
  RestartJoiner();
  EXPECT_EQ(JoinerPhase(), v1::PairState::ANSWERED);
  AbortBoth();
  ExpectNothingLeft();
}

// As above, and the ceremony goes on instead.
TEST_F(AbortedCeremonyTest, FinishesAnAcceptanceThatWasInterrupted) {
  GoTo(Step::kReleased);
  const std::filesystem::path state = joiner_folder.path() / "pair" / "state";
  std::filesystem::rename(state, joiner_folder.path() / "saved");
  std::filesystem::create_directories(state / "in-the-way");
  EXPECT_FALSE(Accept(heard.release.agreement(), heard.release.release()).ok());
  std::filesystem::remove_all(state);
  std::filesystem::rename(joiner_folder.path() / "saved", state);
  RestartJoiner();
  const auto accepted = Accept(heard.release.agreement(), heard.release.release());
  ASSERT_THAT(accepted, Succeeds());
  EXPECT_THAT(Conclude(PairingId(), accepted->joiner_proof()), Succeeds());
}

}  // namespace
}  // namespace twinseal::service
