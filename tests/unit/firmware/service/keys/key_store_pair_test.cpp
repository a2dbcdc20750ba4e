// The key store at a site of a pair: what it owes the other sites, and what it may read nearby.
#include <gmock/gmock.h>

#include "firmware/service/keys/layout.h"
#include "tests/support/results.h"
#include "tests/unit/firmware/service/keys/key_store_fixture.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kChanged = "/pair/changed";

// Puts down what it was asked, and answers what the test says.
class FakeBarrier : public Barrier {
 public:
  struct Awaited {
    Terms terms;
    v1::Key before;
    ledger::Revision revision;
  };

  Status MayChange() const override { return may_change; }
  Terms Prepare(ledger::Transaction& change) override {
    ++prepared;
    if (prepare) prepare(change);
    change.writes.push_back(ledger::Put{std::string(kChanged), {}});
    return terms;
  }
  std::vector<v1::UninformedSite> Await(const Terms& under, const v1::Key& before,
                                        ledger::Revision revision) override {
    awaited.push_back({under, before, revision});
    if (on_await) on_await();
    return uninformed;
  }
  bool AllHave(ledger::Revision) const override { return all_have; }
  bool NearbyIsCurrent() const override { return current; }
  std::vector<SiteName> OtherSites() const override { return others; }

  Status may_change = Ok();
  std::function<void(ledger::Transaction&)> prepare;
  std::function<void()> on_await;
  Terms terms;
  bool current = true;
  bool all_have = true;
  std::vector<SiteName> others = {*SiteName::Parse("b")};
  std::vector<v1::UninformedSite> uninformed;
  int prepared = 0;
  std::vector<Awaited> awaited;
};

// The fixture is site a.
class KeyStorePairTest : public KeyStoreFixture {
 protected:
  KeyStorePairTest() : KeyStoreFixture(std::make_unique<FakeBarrier>()) {}

  FakeBarrier& barrier() { return static_cast<FakeBarrier&>(*barrier_); }
  ledger::Revision ModifiedAt(const KeyId& id) { return (*ledger_.Get(KeyPath(id)))->modified; }
  KeyId Made(const std::string& name) {
    const Result<v1::Key> key = Create(name, "create-" + name);
    EXPECT_THAT(key, Succeeds());
    barrier().awaited.clear();
    barrier().prepared = 0;
    return *KeyId::FromHex(key->key_id());
  }

  // Site b on the same ledger, with a core and a view of its own.
  struct Other {
    explicit Other(MemoryLedger& ledger)
        : store(ledger, core, directory, barrier, *SiteName::Parse("b"),
                [] { return std::int64_t{1'800'000'000'000}; }),
          feed(ledger, directory) {
      barrier.others = {*SiteName::Parse("a")};
      EXPECT_TRUE(feed.Start().ok());
    }
    Result<v1::Key> Change(const KeyId& id, const std::string& request_id,
                           const std::string& operation, const KeyStore::Transition& transition) {
      static const policy::Principal kAlice = *policy::Principal::Make(v1::OPERATOR, "alice");
      v1::ChangeKeyRequest request;
      request.set_request_id(request_id);
      request.set_key(directory.Find(id)->key.name());
      Bytes hash = HashRequest("KeyService/" + operation, request);
      return store.Change({"KeyService/" + operation, *RequestId::Parse(request_id), hash,
                           "operator/alice", Soon()},
                          *policy::MakeAuthorizedKey<policy::KeyAction::kChange>(
                              kAlice, directory.Find(id)->key, *SiteName::Parse("b")),
                          transition);
    }

    std::shared_ptr<FakeVault> vault = std::make_shared<FakeVault>();
    DirectCore core{vault};
    KeyDirectory directory;
    FakeBarrier barrier;
    KeyStore store;
    KeyFeed feed;
  };
  Other b_{ledger_};
};

TEST_F(KeyStorePairTest, AChangeIsAcknowledgedWhenTheOthersCannotActOnWhatWasBefore) {
  const KeyId id = Made("k");
  barrier().terms.out = {"c"};
  barrier().on_await = [&] {
    // Here it is in force already.
    EXPECT_EQ(directory_->Find(id)->key.state(), v1::DISABLED);
    EXPECT_EQ(vault_->Find(id.Hex())->state(), v1::DISABLED);
  };
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  ASSERT_EQ(barrier().awaited.size(), 1U);
  const FakeBarrier::Awaited& awaited = barrier().awaited[0];
  EXPECT_THAT(awaited.terms.out, ElementsAre("c"));
  EXPECT_EQ(awaited.before.state(), v1::ENABLED);
  EXPECT_EQ(awaited.before.key_id(), id.Hex());
  EXPECT_EQ(awaited.revision, ModifiedAt(id));
  // In one commit with what the others go by.
  EXPECT_EQ((*ledger_.Get(kChanged))->modified, ModifiedAt(id));
}

TEST_F(KeyStorePairTest, BeforeANewKeyThereWasNone) {
  ASSERT_THAT(Create("k", "request-1"), Succeeds());
  ASSERT_EQ(barrier().awaited.size(), 1U);
  EXPECT_EQ(barrier().awaited[0].before.key_id(), "");
}

TEST_F(KeyStorePairTest, TheAnswerNamesWhoCouldNotBeTold) {
  Made("k");
  v1::UninformedSite site;
  site.set_site("b");
  site.set_may_sign_until_unix_ms(now_ + 5'000);
  barrier().uninformed = {site};
  const Result<v1::Key> disabled = DisableKey("k", "request-1");
  ASSERT_THAT(disabled, Succeeds());
  ASSERT_EQ(disabled->uninformed_sites_size(), 1);
  EXPECT_EQ(disabled->uninformed_sites(0).site(), "b");
  // It is of this moment, and not kept.
  barrier().uninformed.clear();
  EXPECT_EQ(DisableKey("k", "request-1")->uninformed_sites_size(), 0);
  EXPECT_EQ(store_->Read(directory_->Find("k")->id)->uninformed_sites_size(), 0);
}

// The policy is stricter by now, and a site that was away when it became so does not know.
TEST_F(KeyStorePairTest, WhatASiteThatIsAwayMayActByIsRememberedUntilItKnowsBetter) {
  Made("k");
  const auto stop = [](v1::Key key) {
    v1::KeyPolicy policy = key.policy();
    policy.set_isolation(v1::STOP);
    return ReplacePolicy(std::move(key), policy);
  };
  barrier().all_have = false;
  ASSERT_THAT(Change("k", "request-1", "SetKeyPolicy", stop), Succeeds());
  ASSERT_THAT(DisableKey("k", "request-2"), Succeeds());
  // Again, as after an answer that was lost; and as a wish that finds itself fulfilled.
  ASSERT_THAT(DisableKey("k", "request-2"), Succeeds());
  ASSERT_THAT(DisableKey("k", "request-3"), Succeeds());
  ASSERT_THAT(Change("k", "request-1", "SetKeyPolicy", stop), Succeeds());
  ASSERT_EQ(barrier().awaited.size(), 5U);
  EXPECT_EQ(barrier().awaited[0].before.policy().isolation(), v1::ISOLATION_UNSPECIFIED);
  for (std::size_t i = 1; i < barrier().awaited.size(); ++i) {
    const FakeBarrier::Awaited& awaited = barrier().awaited[i];
    EXPECT_EQ(awaited.before.policy().isolation(), v1::STOP) << i;
    EXPECT_EQ(awaited.before.older_rule().isolation_seconds(), 86'400U) << i;
    EXPECT_NE(awaited.terms.before_recorded, ledger::Revision{}) << i;
  }
  barrier().all_have = true;
  ASSERT_THAT(Change("k", "request-4", "EnableKey", Enable), Succeeds());
  EXPECT_FALSE(store_->Read(directory_->Find("k")->id)->has_older_rule());
}

TEST_F(KeyStorePairTest, WhereNothingCanBeChangedNothingIsTried) {
  const KeyId id = Made("k");
  const ledger::Revision before = *ledger_.CurrentRevision();
  const std::uint64_t generated = vault_->generated();
  barrier().may_change = Error(Code::kUnavailable, "ask another site");
  const auto refused = FailsWith(Code::kUnavailable, "ask another site");
  EXPECT_THAT(Create("other", "request-1"), refused);
  EXPECT_THAT(DisableKey("k", "request-2"), refused);
  EXPECT_THAT(Rotate("k", "request-3"), refused);
  EXPECT_EQ(*ledger_.CurrentRevision(), before);
  EXPECT_EQ(vault_->generated(), generated);
  EXPECT_THAT(store_->Read(id), Succeeds());
}

// Who answered first may have ended before the other sites had heard of it.
TEST_F(KeyStorePairTest, ARepeatedRequestWaitsAsTheFirstDid) {
  const KeyId id = Made("k");
  barrier().terms.out = {"c"};
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  ASSERT_EQ(barrier().awaited.size(), 2U);
  const FakeBarrier::Awaited& again = barrier().awaited[1];
  EXPECT_EQ(again.revision, ModifiedAt(id));
  EXPECT_EQ(again.before.state(), v1::ENABLED);
  EXPECT_EQ(again.before.key_id(), id.Hex());
  // What it was committed under is not known any more.
  EXPECT_THAT(again.terms.out, IsEmpty());
}

TEST_F(KeyStorePairTest, ARequestThatTheOtherSiteAnsweredIsAnsweredHereToo) {
  const KeyId id = Made("k");
  ASSERT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
  const Result<v1::Key> here = DisableKey("k", "request-1");
  ASSERT_THAT(here, Succeeds());
  EXPECT_EQ(here->revision(), 2U);
  EXPECT_EQ(ModifiedAt(id), barrier().awaited.at(0).revision);
}

// It may be acknowledged here first, the other site having died on its way to do so.
TEST_F(KeyStorePairTest, WhatIsAcknowledgedHereIsInForceHere) {
  const KeyId id = Made("k");
  feed_->Stop();  // This site has not heard of it yet.
  ASSERT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
  ASSERT_EQ(directory_->Find("k")->key.state(), v1::ENABLED);
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  EXPECT_EQ(directory_->Find("k")->key.state(), v1::DISABLED);
}

TEST_F(KeyStorePairTest, ThatHoldsForWhatTheOtherSiteDidUnderAnotherRequest) {
  const KeyId id = Made("k");
  feed_->Stop();
  ASSERT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
  ASSERT_THAT(DisableKey("k", "request-2"), Succeeds());
  EXPECT_EQ(directory_->Find("k")->key.state(), v1::DISABLED);
}

// Nothing is to be changed, but whoever changed it may still be waiting for a third site.
TEST_F(KeyStorePairTest, ARequestThatFindsItsWishFulfilledWaitsToo) {
  const KeyId id = Made("k");
  ASSERT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
  const ledger::Revision changed = ModifiedAt(id);
  const Result<v1::Key> disabled = DisableKey("k", "request-2");
  ASSERT_THAT(disabled, Succeeds());
  EXPECT_EQ(disabled->revision(), 2U);
  ASSERT_EQ(barrier().awaited.size(), 1U);
  EXPECT_EQ(barrier().awaited[0].revision, changed);
  EXPECT_EQ(barrier().awaited[0].before.state(), v1::ENABLED);
}

// The answer's own commit changes no key: no site's view ever hears of it.
TEST_F(KeyStorePairTest, ItsRepetitionWaitsForTheKeysChangeAndNotForTheAnswers) {
  const KeyId id = Made("k");
  ASSERT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
  ASSERT_THAT(DisableKey("k", "request-2"), Succeeds());
  ASSERT_THAT(DisableKey("k", "request-2"), Succeeds());
  ASSERT_EQ(barrier().awaited.size(), 2U);
  EXPECT_EQ(barrier().awaited[1].revision, ModifiedAt(id));
}

TEST_F(KeyStorePairTest, AStaleReadNearbyLeadsToARetryFromTheLedger) {
  const KeyId id = Made("k");
  ledger_.FreezeNearby();
  ASSERT_THAT(b_.Change(id, "request-1", "RotateKeyPolicy",
                        [](v1::Key key) {
                          v1::KeyPolicy policy = key.policy();
                          policy.add_applications("tester");
                          return ReplacePolicy(std::move(key), policy);
                        }),
              Succeeds());
  const Result<v1::Key> disabled = DisableKey("k", "request-2");
  ASSERT_THAT(disabled, Succeeds());
  EXPECT_EQ(disabled->state(), v1::DISABLED);
  EXPECT_EQ(disabled->revision(), 3U);
  EXPECT_EQ(disabled->policy().applications_size(), 2);
  EXPECT_EQ(barrier().prepared, 2);
}

TEST_F(KeyStorePairTest, ARequestThatWasAnsweredElsewhereIsFoundAlthoughNearbyItIsNot) {
  const KeyId id = Made("k");
  ledger_.FreezeNearby();
  ASSERT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
  const Result<v1::Key> again = DisableKey("k", "request-1");
  ASSERT_THAT(again, Succeeds());
  EXPECT_EQ(again->revision(), 2U);
  EXPECT_EQ(ModifiedAt(id), barrier().awaited.at(0).revision);
}

TEST_F(KeyStorePairTest, ANameThatWasTakenElsewhereIsFoundAlthoughNearbyItIsNot) {
  ledger_.FreezeNearby();
  v1::CreateKeyRequest request;
  request.set_name("k");
  request.set_algorithm(v1::EC_P256);
  ASSERT_THAT(b_.store.Create(Asked("KeyService/CreateKey", request, "request-1"), request),
              Succeeds());
  EXPECT_THAT(Create("k", "request-2"), FailsWith(Code::kAlreadyExists, "'k'"));
}

// A client that waits too long for one site asks the other as well: both are at work on the
// request.
TEST_F(KeyStorePairTest, ACreationIsNotRefusedForItsOwnWorkAtTheOtherSite) {
  const v1::CreateKeyRequest request = CreateRequest("k", "request-1");
  Result<v1::Key> there = Error(Code::kInternal, "it was not asked");
  ledger_.after_nearby = [&](std::string_view path) {
    if (path != RequestPath(*RequestId::Parse("request-1"))) return;
    ledger_.after_nearby = nullptr;
    there = b_.store.Create(Asked("KeyService/CreateKey", request, "request-1"), request);
  };
  const Result<v1::Key> here = Create("k", "request-1");
  ASSERT_THAT(there, Succeeds());
  ASSERT_THAT(here, Succeeds());
  EXPECT_EQ(here->key_id(), there->key_id());
  // Of another request's name it is as ever.
  EXPECT_THAT(Create("k", "request-2"), FailsWith(Code::kAlreadyExists, "'k'"));
}

TEST_F(KeyStorePairTest, NorIsAChange) {
  const KeyId id = Made("k");
  ASSERT_THAT(Schedule("k", "request-0", 60), Succeeds());
  ledger_.after_nearby = [&](std::string_view path) {
    if (path != RequestPath(*RequestId::Parse("request-1"))) return;
    ledger_.after_nearby = nullptr;
    EXPECT_THAT(b_.Change(id, "request-1", "CancelKeyDestruction", CancelDestruction), Succeeds());
  };
  const Result<v1::Key> here = Change("k", "request-1", "CancelKeyDestruction", CancelDestruction);
  ASSERT_THAT(here, Succeeds());
  EXPECT_EQ(here->state(), v1::DISABLED);
  EXPECT_EQ(here->revision(), 3U);
  // Whoever asks for it anew has nothing to cancel.
  EXPECT_THAT(Change("k", "request-2", "CancelKeyDestruction", CancelDestruction),
              FailsWith(Code::kFailedPrecondition, "k"));
}

TEST_F(KeyStorePairTest, AnIsolatedSiteReadsWhatCountsFromTheLedger) {
  const KeyId id = Made("k");
  ledger_.FreezeNearby();
  ASSERT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
  barrier().current = false;
  ASSERT_THAT(Change("k", "request-2", "EnableKey", Enable), Succeeds());
  EXPECT_EQ(barrier().prepared, 1);
}

// The revision fits neither the record nor the blob alone: the other site rotated in between.
TEST_F(KeyStorePairTest, AChangeBetweenRecordAndBlobIsTriedAgain) {
  const KeyId id = Made("k");
  int revised = 0;
  vault_->SetFault([&](const v1::CoreRequest& request) -> std::optional<Error> {
    if (!request.has_revise() || revised++ > 0) return std::nullopt;
    EXPECT_THAT(b_.Change(id, "request-1", "DisableKey", Disable), Succeeds());
    return Error(Code::kFailedPrecondition, "the revision is not higher than the blob's");
  });
  const Result<v1::Key> enabled = Change("k", "request-2", "EnableKey", [](v1::Key key) {
    key.set_state(v1::ENABLED);
    key.set_revision(key.revision() + 1);
    return Result<v1::Key>(std::move(key));
  });
  ASSERT_THAT(enabled, Succeeds());
  EXPECT_EQ(enabled->revision(), 3U);
}

TEST_F(KeyStorePairTest, WhatTheBarrierGuardsIsPreparedAnewForEachTry) {
  Made("k");
  barrier().prepare = [this](ledger::Transaction& change) {
    if (barrier().prepared > 1) return;
    change.guards.push_back(ledger::Absent{"/name/k"});  // Which does not hold.
  };
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  EXPECT_EQ(barrier().prepared, 2);
}

TEST_F(KeyStorePairTest, OnlyWhatIsToBeRemovedIsMarkedForTheOtherSites) {
  const KeyId id = Made("k");
  ASSERT_THAT(b_.store.Deliver(id, Soon()), Succeeds());
  ASSERT_TRUE(b_.vault->Find(id.Hex()));
  std::vector<std::string> marks;
  ledger_.fault =
      [&](const ledger::Transaction& transaction) -> std::optional<MemoryLedger::Fault> {
    for (const ledger::Write& write : transaction.writes) {
      const auto* put = std::get_if<ledger::Put>(&write);
      if (put != nullptr && put->key.starts_with("/pending/")) marks.push_back(put->key);
    }
    return std::nullopt;
  };
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  ASSERT_THAT(Rotate("k", "request-2"), Succeeds());
  ASSERT_THAT(Schedule("k", "request-3", 60), Succeeds());
  EXPECT_THAT(marks, IsEmpty());
  now_ += 60'000;
  ASSERT_THAT(DestroyKey("k", "request-4"), Succeeds());
  EXPECT_THAT(marks, ElementsAre("/pending/a/" + id.Hex(), "/pending/b/" + id.Hex()));
  // Its own is settled, the other's stands until that site has erased the key.
  EXPECT_TRUE(vault_->Erased(id.Hex()));
  EXPECT_FALSE(InLedger("/pending/a/" + id.Hex()));
  EXPECT_TRUE(InLedger("/pending/b/" + id.Hex()));
  EXPECT_TRUE(b_.vault->Find(id.Hex()));
  ASSERT_THAT(b_.store.Follow(id, Soon()), Succeeds());
  EXPECT_TRUE(b_.vault->Erased(id.Hex()));
  EXPECT_TRUE(NothingPending());
}

TEST_F(KeyStorePairTest, ASiteThatWasDownErasesAtItsNextStart) {
  const KeyId id = Made("k");
  ASSERT_THAT(b_.store.Deliver(id, Soon()), Succeeds());
  ASSERT_THAT(Schedule("k", "request-1", 60), Succeeds());
  now_ += 60'000;
  ASSERT_THAT(DestroyKey("k", "request-2"), Succeeds());
  std::vector<std::string> told;
  const auto hears = [&](const v1::Key& key) {
    told.push_back(key.name());
    return Ok();
  };
  b_.vault->SetFault([](const v1::CoreRequest&) { return Error(Code::kUnavailable, "away"); });
  EXPECT_EQ(*b_.store.SettleAll(Soon(), hears), 1U);
  b_.vault->SetFault(nullptr);
  EXPECT_EQ(*b_.store.SettleAll(Soon(), hears), 0U);
  EXPECT_THAT(told, ElementsAre("k"));
  EXPECT_TRUE(b_.vault->Erased(id.Hex()));
  EXPECT_TRUE(NothingPending());
}

// A key pair on the token is there before the ledger has it.
TEST_F(KeyStorePairTest, ATokenKeyIsMarkedWhereItIsMade) {
  vault_->SetFault([](const v1::CoreRequest& request) -> std::optional<Error> {
    if (request.has_generate() || request.has_erase()) return Error(Code::kUnavailable, "it died");
    return std::nullopt;
  });
  EXPECT_FALSE(Create("t", "request-1", v1::TOKEN).ok());
  const Result<ledger::Listing> marks = ledger_.List(ledger::Range::Prefix("/pending/"));
  ASSERT_EQ(marks->entries.size(), 1U);
  EXPECT_TRUE(marks->entries[0].key.starts_with("/pending/a/"));
  vault_->SetFault(nullptr);
}

TEST_F(KeyStorePairTest, AChangeElsewhereIsFollowedByTheCoreHere) {
  const KeyId id = Made("k");
  ASSERT_THAT(b_.store.Deliver(id, Soon()), Succeeds());
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  ASSERT_EQ(b_.vault->Find(id.Hex())->state(), v1::ENABLED);
  ASSERT_THAT(b_.store.Follow(id, Soon()), Succeeds());
  EXPECT_EQ(b_.vault->Find(id.Hex())->state(), v1::DISABLED);
  EXPECT_THAT(b_.store.Follow(KeyId::Random(), Soon()), FailsWith(Code::kNotFound, "no key"));
}

TEST_F(KeyStorePairTest, ACoreIsNotToldOfAKeyThatItDoesNotHave) {
  const KeyId id = Made("k");
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  ASSERT_THAT(b_.store.Follow(id, Soon()), Succeeds());
  EXPECT_FALSE(b_.vault->Find(id.Hex()));
}

TEST_F(KeyStorePairTest, ACoreIsNotToldAgainOfAChangeThatWasMadeHere) {
  const KeyId id = Made("k");
  ASSERT_THAT(DisableKey("k", "request-1"), Succeeds());
  const std::uint64_t installs = vault_->installs();
  ASSERT_THAT(store_->Follow(id, Soon()), Succeeds());
  EXPECT_EQ(vault_->installs(), installs);
}

TEST_F(KeyStorePairTest, AKeyOfOtherSitesDoesNotComeHere) {
  const KeyId id = Made("k");
  ASSERT_THAT(b_.store.Deliver(id, Soon()), Succeeds());
  const auto only_a = [](v1::Key key) {
    v1::KeyPolicy policy = key.policy();
    policy.add_sites("a");
    return ReplacePolicy(std::move(key), policy);
  };
  ASSERT_THAT(Change("k", "request-1", "SetKeyPolicy", only_a), Succeeds());
  ASSERT_THAT(b_.store.Follow(id, Soon()), Succeeds());
  EXPECT_EQ(b_.vault->Find(id.Hex())->revision(), 1U);
}

// This place's member may have to catch up: what it does not have is not what does not exist.
TEST_F(KeyStorePairTest, AKeyThatIsNotNearbyIsNotErased) {
  ledger_.FreezeNearby();
  const KeyId id = Made("k");
  ASSERT_TRUE(vault_->Find(id.Hex()));
  EXPECT_FALSE(store_->Deliver(id, Soon()).ok());
  EXPECT_FALSE(vault_->Erased(id.Hex()));
  ledger_.Thaw();
  EXPECT_THAT(store_->Deliver(id, Soon()), Succeeds());
}

TEST_F(KeyStorePairTest, ReadsNearbyWhenTheLedgerCannotBeReached) {
  const KeyId id = Made("k");
  barrier().current = false;
  EXPECT_THAT(store_->Read(id), Succeeds());
}

}  // namespace
}  // namespace twinseal::service
