// Another appliance takes a lost one's place: the ceremony at a site that belongs to a pair.
#include <gmock/gmock.h>

#include "firmware/service/pair/pair_paths.h"
#include "tests/unit/firmware/service/pair/ceremony_fixture.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

// Site a is of a pair whose site b is lost; `joiner` is a new appliance that is called b, too.
class ReplacementTest : public CeremonyTest {
 protected:
  ReplacementTest() {
    GoTo(Step::kConcluded);
    lost_identity_ = joiner_vault->identity_der();
    EXPECT_THAT(
        holder_file->Change([](v1::PairState& state) { state.set_phase(v1::PairState::PAIRED); }),
        Succeeds());
    before_ = holder_file->state();
    holder_restarts = 0;
    joiner_restarts = 0;
    SetUpNewJoiner();
  }

  void SetUpNewJoiner() {
    joiner_vault = std::make_shared<FakeVault>(FakeToken::Domain::kNone);
    joiner_core = DirectCore(joiner_vault);
    SetUpJoinerAgain();
  }
  // Its disk is empty; its token is as it was.
  void SetUpJoinerAgain() {
    std::filesystem::remove_all(joiner_folder.path() / "pair");
    RestartJoiner();
    ASSERT_THAT(joiner_file->Change([](v1::PairState& state) {
      state.set_site("b");
      state.set_phase(v1::PairState::JOINING);
    }),
                Succeeds());
  }

  v1::BeginPairingRequest ReplaceRequest() {
    v1::BeginPairingRequest request = BeginRequest();
    request.set_replaces("b");
    return request;
  }

  // Up to and with the acceptance.
  void Replace() {
    const auto begun = holder->Begin(ReplaceRequest(), Soon());
    ASSERT_THAT(begun, Succeeds());
    heard.offer = begun->offer();
    heard.answer = *Answer(heard.offer);
    const auto agreed = Agree(heard.answer.answer());
    ASSERT_THAT(agreed, Succeeds());
    heard.agreement = *agreed;
    ConfirmBoth();
    const auto released = Release(PairingId());
    ASSERT_THAT(released, Succeeds());
    heard.release = *released;
    const auto accepted = Accept(released->agreement(), released->release());
    ASSERT_THAT(accepted, Succeeds());
    heard.joiner_proof = accepted->joiner_proof();
  }

  void ExpectThePairAsItWas() {
    RestartHolder();
    const v1::PairState state = holder_file->state();
    EXPECT_EQ(state.phase(), v1::PairState::PAIRED);
    EXPECT_EQ(state.config().SerializeAsString(), before_.config().SerializeAsString());
    EXPECT_EQ(state.own_keys_size(), before_.own_keys_size());
    EXPECT_TRUE(holder_file->paired());
    EXPECT_EQ(holder_restarts, 0);
    EXPECT_THAT(members_replaced, IsEmpty());
    EXPECT_EQ(config_changes, 0);
  }

  std::string lost_identity_;
  v1::PairState before_;
};

TEST_F(ReplacementTest, GivesTheLostOnesPlaceToAnother) {
  Replace();
  ExpectThePairAsItWas();
  const auto concluded = Conclude(PairingId(), heard.joiner_proof);
  ASSERT_THAT(concluded, Succeeds());

  const v1::PairState state = holder_file->state();
  EXPECT_EQ(state.phase(), v1::PairState::PAIRED);
  const v1::PairConfig& config = state.config();
  EXPECT_EQ(config.domain_id(), before_.config().domain_id());
  EXPECT_EQ(config.cluster_token(), before_.config().cluster_token());
  EXPECT_EQ(config.epoch(), before_.config().epoch() + 1);
  EXPECT_THAT(config.fenced(), ElementsAre(FingerprintOf(lost_identity_)));
  ASSERT_EQ(config.places_size(), 3);
  EXPECT_EQ(config.places(0).SerializeAsString(), before_.config().places(0).SerializeAsString());
  EXPECT_EQ(config.places(1).name(), "b");
  EXPECT_EQ(config.places(1).identity_public_key_der(), joiner_vault->identity_der());
  EXPECT_EQ(config.places(2).SerializeAsString(), before_.config().places(2).SerializeAsString());
  EXPECT_EQ(concluded->config().SerializeAsString(), config.SerializeAsString());
  EXPECT_EQ(joiner_file->state().config().SerializeAsString(), config.SerializeAsString());
  EXPECT_EQ(joiner_vault->domain(), vault->domain());
  EXPECT_EQ(joiner_restarts, 1);
  // The site goes on serving.
  EXPECT_EQ(holder_restarts, 0);
  EXPECT_EQ(config_changes, 1);
  EXPECT_THAT(members_replaced, ElementsAre(Pair(ElementsAre(7U, 8U), "192.0.2.2:2380")));
}

TEST_F(ReplacementTest, TheLedgerSaysSoAndThatNobodyWaitsForTheNewOneYet) {
  Replace();
  ASSERT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
  const auto config = ledger.Get(kConfigPath);
  ASSERT_TRUE(config->has_value());
  EXPECT_EQ(ToString((*config)->value), holder_file->state().config().SerializeAsString());
  const auto standing = ledger.Get(StandingPath("b"));
  ASSERT_TRUE(standing->has_value());
  v1::SiteStanding record;
  ASSERT_TRUE(record.ParseFromString(ToString((*standing)->value)));
  EXPECT_EQ(record.standing(), v1::SiteStanding::SUSPENDED);
  EXPECT_EQ((*config)->modified, (*standing)->modified);
}

TEST_F(ReplacementTest, IsConcludedOnceHoweverOftenItIsAsked) {
  Replace();
  const auto first = Conclude(PairingId(), heard.joiner_proof);
  ASSERT_THAT(first, Succeeds());
  RestartHolder();
  const auto again = Conclude(PairingId(), heard.joiner_proof);
  ASSERT_THAT(again, Succeeds());
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(members_replaced.size(), 1U);
  EXPECT_EQ(holder_file->state().config().epoch(), 2U);
}

TEST_F(ReplacementTest, GoesOnWhereItsConclusionWasInterrupted) {
  Replace();
  replace_members_answer = Error(Code::kUnavailable, "the ledger does not take it");
  EXPECT_THAT(Conclude(PairingId(), heard.joiner_proof), FailsWith(Code::kUnavailable, "ledger"));
  members_replaced.clear();
  ExpectThePairAsItWas();
  replace_members_answer = Ok();
  ledger.fault = [](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    return MemoryLedger::Fault{Error(Code::kUnavailable, "no answer"), true};
  };
  EXPECT_FALSE(Conclude(PairingId(), heard.joiner_proof).ok());
  EXPECT_EQ(holder_file->state().config().epoch(), 1U);
  ledger.fault = nullptr;
  RestartHolder();
  members_of_b = {9};  // The new one was let in, and votes under the lost one's name.
  ASSERT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
  EXPECT_THAT(members_replaced, Each(Pair(ElementsAre(7U, 8U), "192.0.2.2:2380")));
  EXPECT_EQ(holder_file->state().config().epoch(), 2U);
  EXPECT_EQ(config_changes, 1);
}

TEST_F(ReplacementTest, AWrongProofLetsNobodyIn) {
  Replace();
  EXPECT_EQ(Conclude(PairingId(), "no proof").error().code(), Code::kDataLoss);
  ExpectThePairAsItWas();
}

TEST_F(ReplacementTest, AbortedItLeavesThePairAsItWas) {
  const auto begun = holder->Begin(ReplaceRequest(), Soon());
  ASSERT_THAT(begun, Succeeds());
  heard.offer = begun->offer();
  EXPECT_THAT(AbortHolder(RandomId()), FailsWith(Code::kFailedPrecondition, "not the one"));
  ASSERT_THAT(AbortHolder(PairingId()), Succeeds());
  ExpectThePairAsItWas();
  const std::string undone = PairingId();
  Replace();
  EXPECT_NE(PairingId(), undone);
  ASSERT_THAT(AbortHolder(PairingId()), Succeeds());
  ExpectThePairAsItWas();
  EXPECT_FALSE(Waits(holder_folder));
}

TEST_F(ReplacementTest, IsOnlyOfASiteThatIsLost) {
  const auto begin = [this](const std::string& replaces, const std::string& joiner_name) {
    v1::BeginPairingRequest request = BeginRequest();
    request.set_replaces(replaces);
    request.set_joiner_name(joiner_name);
    return holder->Begin(request, Soon());
  };
  const auto refused = FailsWith(Code::kFailedPrecondition, "belongs to a pair already");
  EXPECT_THAT(begin("", "b"), refused);
  EXPECT_THAT(begin("c", "c"), refused);
  EXPECT_THAT(begin("agent", "agent"), refused);
  EXPECT_THAT(begin("a", "a"), refused);
  EXPECT_THAT(begin("b", "c"), FailsWith(Code::kInvalidArgument, "is to be called so"));
  ExpectThePairAsItWas();
}

TEST_F(ReplacementTest, NobodyIsReplacedWhereThereIsNoPair) {
  ASSERT_THAT(holder_file->Change([](v1::PairState& state) {
    state.Clear();
    state.set_site("a");
  }),
              Succeeds());
  EXPECT_THAT(holder->Begin(ReplaceRequest(), Soon()),
              FailsWith(Code::kFailedPrecondition, "nobody to replace"));
}

// The witness is the pair's, whatever the request says.
TEST_F(ReplacementTest, DoesNotExchangeTheWitness) {
  v1::BeginPairingRequest request = ReplaceRequest();
  request.set_witness_name("eve");
  request.set_witness_peer("203.0.113.1:2380");
  const auto begun = holder->Begin(request, Soon());
  ASSERT_THAT(begun, Succeeds());
  const auto transcript = ReadTranscript(begun->offer().body());
  ASSERT_THAT(transcript, Succeeds());
  EXPECT_EQ(transcript->witness().SerializeAsString(),
            before_.config().places(2).SerializeAsString());
}

TEST_F(ReplacementTest, WhoWasReplacedNeverComesBack) {
  const std::shared_ptr<FakeVault> first = joiner_vault;
  Replace();
  ASSERT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
  SetUpNewJoiner();
  Replace();
  ASSERT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
  EXPECT_EQ(holder_file->state().config().epoch(), 3U);
  EXPECT_EQ(holder_file->state().config().fenced_size(), 2);

  joiner_vault = first;
  joiner_core = DirectCore(joiner_vault);
  v1::CoreRequest drop;
  drop.mutable_drop_domain();
  ASSERT_THAT(CallAndWait(joiner_core, drop, Soon()), Succeeds());
  SetUpJoinerAgain();
  const auto begun = holder->Begin(ReplaceRequest(), Soon());
  ASSERT_THAT(begun, Succeeds());
  const auto answered = Answer(begun->offer());
  ASSERT_THAT(answered, Succeeds());
  EXPECT_THAT(Agree(answered->answer()), FailsWith(Code::kPermissionDenied, "never comes back"));
}

// Its disk was lost, and its HSM is there: it is the same appliance.
TEST_F(ReplacementTest, ASiteMayTakeItsOwnPlaceAgain) {
  Replace();
  ASSERT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
  v1::CoreRequest drop;
  drop.mutable_drop_domain();
  ASSERT_THAT(CallAndWait(joiner_core, drop, Soon()), Succeeds());
  SetUpJoinerAgain();
  Replace();
  ASSERT_THAT(Conclude(PairingId(), heard.joiner_proof), Succeeds());
  const v1::PairConfig config = holder_file->state().config();
  EXPECT_EQ(config.epoch(), 3U);
  EXPECT_THAT(config.fenced(), ElementsAre(FingerprintOf(lost_identity_)));
}

}  // namespace
}  // namespace twinseal::service
