#include "firmware/service/keys/key_store.h"

#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "common/crypto/digest.h"
#include "common/crypto/public_key.h"
#include "firmware/service/keys/layout.h"
#include "tests/unit/firmware/service/keys/key_store_fixture.h"

namespace twinseal::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Status Untold(const v1::Key& /*key*/) { return Ok(); }

auto IsCall(v1::CoreRequest::CallCase call, Code code) {
  return [call, code](const v1::CoreRequest& request) -> std::optional<Error> {
    if (request.call_case() != call) return std::nullopt;
    return Error(code, "injected");
  };
}

class KeyStoreTest : public KeyStoreFixture {};

std::string IdOf(const v1::Key& key) { return key.key_id(); }

TEST_F(KeyStoreTest, CreatesAKeyInLedgerVaultAndView) {
  const Result<v1::Key> key = Create("code-signing", "request-1");
  ASSERT_TRUE(key.ok()) << key.error().Describe();
  EXPECT_EQ(key->name(), "code-signing");
  EXPECT_EQ(key->state(), v1::ENABLED);
  EXPECT_EQ(key->storage(), v1::VAULT);
  EXPECT_EQ(key->current_version(), 1U);
  EXPECT_EQ(key->revision(), 1U);
  EXPECT_EQ(key->created_unix_ms(), now_);
  ASSERT_EQ(key->versions_size(), 1);
  EXPECT_TRUE(crypto::PublicKey::FromDer(AsBytes(key->versions(0).public_key_der())).ok());
  ASSERT_TRUE(vault_->Find(IdOf(*key)));
  EXPECT_EQ(vault_->Find(IdOf(*key))->policy().applications(0), "builder");
  EXPECT_TRUE(InLedger("/blob/" + IdOf(*key) + "/0000000001"));
  ASSERT_NE(directory_->Find("code-signing"), nullptr);
  EXPECT_EQ(directory_->Find(IdOf(*key)), directory_->Find("code-signing"));
  EXPECT_EQ(directory_->Find("code-signing")->key.versions_size(), 0);
  EXPECT_TRUE(NothingPending());
  EXPECT_EQ(store_->Read(directory_->Find("code-signing")->id)->SerializeAsString(),
            key->SerializeAsString());
}

TEST_F(KeyStoreTest, GivesARepeatedRequestTheSameAnswerAndMakesNothing) {
  const Result<v1::Key> first = Create("k", "request-1");
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(DisableKey("k", "request-2").ok());
  Restart();
  const Result<v1::Key> again = Create("k", "request-1");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(vault_->generated(), 1U);
}

TEST_F(KeyStoreTest, RefusesARequestIdThatWasUsedForSomethingElse) {
  ASSERT_TRUE(Create("k", "request-1").ok());
  const Result<v1::Key> other = Create("other", "request-1");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(other.error().message(), HasSubstr("request-1"));
  const Result<v1::Key> operation = DisableKey("k", "request-1");
  ASSERT_FALSE(operation.ok());
  EXPECT_EQ(operation.error().code(), Code::kAlreadyExists);
}

TEST_F(KeyStoreTest, RefusesATakenName) {
  ASSERT_TRUE(Create("k", "request-1").ok());
  const Result<v1::Key> second = Create("k", "request-2");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::kAlreadyExists);
  EXPECT_THAT(second.error().message(), HasSubstr("'k'"));
}

TEST_F(KeyStoreTest, RefusesBadRequestsAndChangesNothing) {
  v1::CreateKeyRequest request;
  const auto create = [&] {
    return store_->Create(Asked("KeyService/CreateKey", request, "request-1"), request);
  };
  const std::vector<std::string> names = {
      "",      std::string(10'000, 'a'),          std::string("a\0b", 3), "../etc", "\xC3\x28",
      "UPPER", "0123456789abcdef0123456789abcdef"};
  request.set_algorithm(v1::EC_P256);
  for (const std::string& name : names) {
    request.set_name(name);
    const Result<v1::Key> key = create();
    ASSERT_FALSE(key.ok());
    EXPECT_EQ(key.error().code(), Code::kInvalidArgument) << name;
    EXPECT_THAT(key.error().message(), HasSubstr("name"));
    EXPECT_LT(key.error().message().size(), 300U);
  }
  request.set_name("twinseal.mine");
  EXPECT_EQ(create().error().code(), Code::kPermissionDenied);
  request.set_name("k");
  request.set_algorithm(v1::ALGORITHM_UNSPECIFIED);
  EXPECT_THAT(create().error().message(), HasSubstr("algorithm"));
  request.set_algorithm(static_cast<v1::Algorithm>(77));
  EXPECT_EQ(create().error().code(), Code::kInvalidArgument);
  request.set_algorithm(v1::EC_P256);
  request.set_storage(static_cast<v1::Storage>(9));
  EXPECT_THAT(create().error().message(), HasSubstr("storage"));
  request.set_storage(v1::VAULT);
  request.mutable_policy()->add_sites("b");
  EXPECT_THAT(create().error().message(), HasSubstr("policy.sites"));
  EXPECT_TRUE(ledger_.List(ledger::Range::Prefix("/"))->entries.empty());
  EXPECT_EQ(vault_->generated(), 0U);
}

TEST_F(KeyStoreTest, PassesOnWhatTheHsmRefuses) {
  vault_->SetFault(IsCall(v1::CoreRequest::kGenerate, Code::kUnimplemented));
  const Result<v1::Key> key = Create("k", "request-1");
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.error().code(), Code::kUnimplemented);
  vault_->SetFault(nullptr);
  EXPECT_TRUE(Create("k", "request-1").ok());
}

TEST_F(KeyStoreTest, FinishesACreationThatEndedBetweenCommitAndInstall) {
  vault_->SetFault(IsCall(v1::CoreRequest::kInstall, Code::kUnavailable));
  const Result<v1::Key> key = Create("k", "request-1");
  ASSERT_FALSE(key.ok());
  EXPECT_EQ(key.error().code(), Code::kUnavailable);
  EXPECT_THAT(key.error().message(), HasSubstr("same request_id"));
  vault_->SetFault(nullptr);
  Restart();
  ASSERT_NE(directory_->Find("k"), nullptr);
  EXPECT_FALSE(vault_->Find(directory_->Find("k")->id.Hex()));
  const Result<std::size_t> waiting = store_->SettleAll(Soon(), Untold);
  ASSERT_TRUE(waiting.ok());
  EXPECT_EQ(*waiting, 0U);
  EXPECT_TRUE(vault_->Find(directory_->Find("k")->id.Hex()));
  EXPECT_TRUE(NothingPending());
  EXPECT_TRUE(Create("k", "request-1").ok());
  EXPECT_EQ(vault_->generated(), 1U);
}

TEST_F(KeyStoreTest, WhatIsFinishedLaterIsToldUntilItWasHeard) {
  vault_->SetFault(IsCall(v1::CoreRequest::kInstall, Code::kUnavailable));
  ASSERT_FALSE(Create("k", "request-1").ok());
  vault_->SetFault(nullptr);
  Restart();
  std::vector<std::string> told;
  const auto deaf = [&](const v1::Key& key) -> Status {
    told.push_back(key.name());
    return Error(Code::kResourceExhausted, "the disk is full");
  };
  EXPECT_EQ(*store_->SettleAll(Soon(), deaf), 1U);
  const auto hears = [&](const v1::Key& key) {
    told.push_back(key.name());
    return Ok();
  };
  EXPECT_EQ(*store_->SettleAll(Soon(), hears), 0U);
  EXPECT_EQ(*store_->SettleAll(Soon(), hears), 0U);
  EXPECT_THAT(told, ElementsAre("k", "k"));
  EXPECT_TRUE(NothingPending());
}

TEST_F(KeyStoreTest, ARepeatedRequestFinishesWhatWasInterrupted) {
  vault_->SetFault(IsCall(v1::CoreRequest::kInstall, Code::kUnavailable));
  ASSERT_FALSE(Create("k", "request-1").ok());
  EXPECT_FALSE(Create("k", "request-1").ok());
  EXPECT_EQ(*store_->SettleAll(Soon(), Untold), 1U);
  vault_->SetFault(nullptr);
  ASSERT_TRUE(Create("k", "request-1").ok());
  EXPECT_TRUE(vault_->Find(directory_->Find("k")->id.Hex()));
  EXPECT_TRUE(NothingPending());
}

TEST_F(KeyStoreTest, AnUnknownOutcomeThatWasCommittedIsFoundAgain) {
  int faults = 0;
  ledger_.fault = [&](const ledger::Transaction&) -> std::optional<MemoryLedger::Fault> {
    if (faults++ > 0) return std::nullopt;
    return MemoryLedger::Fault{Error(Code::kUnavailable, "connection lost"), true};
  };
  const Result<v1::Key> key = Create("k", "request-1");
  ASSERT_TRUE(key.ok()) << key.error().Describe();
  EXPECT_EQ(vault_->generated(), 1U);
  EXPECT_TRUE(vault_->Find(IdOf(*key)));
  EXPECT_TRUE(NothingPending());
}

TEST_F(KeyStoreTest, ChangesStateInLedgerVaultAndView) {
  ASSERT_TRUE(Create("k", "request-1").ok());
  const Result<v1::Key> disabled = DisableKey("k", "request-2");
  ASSERT_TRUE(disabled.ok()) << disabled.error().Describe();
  EXPECT_EQ(disabled->state(), v1::DISABLED);
  EXPECT_EQ(disabled->revision(), 2U);
  EXPECT_EQ(vault_->Find(IdOf(*disabled))->state(), v1::DISABLED);
  EXPECT_EQ(directory_->Find("k")->key.state(), v1::DISABLED);
  // Once more changes nothing, and is answered.
  const Result<v1::Key> again = DisableKey("k", "request-3");
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->revision(), 2U);
  const Result<v1::Key> enabled = Change("k", "request-4", "EnableKey", Enable);
  ASSERT_TRUE(enabled.ok());
  EXPECT_EQ(enabled->revision(), 3U);
  EXPECT_EQ(vault_->Find(IdOf(*enabled))->state(), v1::ENABLED);
}

TEST_F(KeyStoreTest, IsNotAcknowledgedWhileTheCoreDoesNotKnow) {
  ASSERT_TRUE(Create("k", "request-1").ok());
  vault_->SetFault(IsCall(v1::CoreRequest::kInstall, Code::kUnavailable));
  EXPECT_FALSE(DisableKey("k", "request-2").ok());
  // The view refuses already.
  EXPECT_EQ(directory_->Find("k")->key.state(), v1::DISABLED);
  vault_->SetFault(nullptr);
  Restart();
  EXPECT_EQ(directory_->Find("k")->key.state(), v1::DISABLED);
  EXPECT_EQ(*store_->SettleAll(Soon(), Untold), 0U);
  EXPECT_EQ(vault_->Find(directory_->Find("k")->id.Hex())->state(), v1::DISABLED);
}

TEST_F(KeyStoreTest, TriesAgainWhenAnotherChangeWasQuicker) {
  ASSERT_TRUE(Create("k", "request-1").ok());
  const KeyId id = directory_->Find("k")->id;
  ledger_.before_commit = [&] {
    // Another site's change of the same key.
    const auto entry = *ledger_.Get(KeyPath(id));
    v1::Key key;
    ASSERT_TRUE(key.ParseFromString(ToString(entry->value)));
    key.set_revision(key.revision() + 1);
    ledger::Transaction other;
    other.writes.push_back(ledger::Put{KeyPath(id), ToBytes(key.SerializeAsString())});
    ASSERT_TRUE(ledger_.Commit(other)->committed);
  };
  const Result<v1::Key> disabled = DisableKey("k", "request-2");
  ASSERT_TRUE(disabled.ok()) << disabled.error().Describe();
  EXPECT_EQ(disabled->revision(), 3U);
}

TEST_F(KeyStoreTest, RotatesToANewVersion) {
  const Result<v1::Key> first = Create("k", "request-1");
  ASSERT_TRUE(first.ok());
  const Result<v1::Key> second = Rotate("k", "request-2");
  ASSERT_TRUE(second.ok()) << second.error().Describe();
  EXPECT_EQ(second->current_version(), 2U);
  ASSERT_EQ(second->versions_size(), 2);
  EXPECT_EQ(second->versions(0).SerializeAsString(), first->versions(0).SerializeAsString());
  EXPECT_NE(second->versions(1).public_key_der(), first->versions(0).public_key_der());
  EXPECT_EQ(vault_->Find(IdOf(*second))->version(), 2U);
  EXPECT_EQ(Rotate("k", "request-2")->SerializeAsString(), second->SerializeAsString());
  EXPECT_EQ(directory_->Find("k")->key.current_version(), 2U);
}

TEST_F(KeyStoreTest, DestroysOnlyAfterTheWaitAndLeavesATombstone) {
  const Result<v1::Key> key = Create("k", "request-1");
  ASSERT_TRUE(key.ok());
  ASSERT_TRUE(Rotate("k", "request-2").ok());
  EXPECT_EQ(DestroyKey("k", "request-3").error().code(), Code::kFailedPrecondition);
  EXPECT_EQ(Schedule("k", "request-4", 59).error().code(), Code::kFailedPrecondition);
  const Result<v1::Key> pending = Schedule("k", "request-5", 60);
  ASSERT_TRUE(pending.ok()) << pending.error().Describe();
  EXPECT_EQ(pending->state(), v1::PENDING_DESTRUCTION);
  EXPECT_EQ(pending->destruction_unix_ms(), now_ + 60'000);
  EXPECT_EQ(vault_->Find(IdOf(*key))->state(), v1::PENDING_DESTRUCTION);
  EXPECT_EQ(Change("k", "request-6", "EnableKey", Enable).error().code(),
            Code::kFailedPrecondition);
  EXPECT_EQ(Rotate("k", "request-7").error().code(), Code::kFailedPrecondition);
  const Result<v1::Key> early = DestroyKey("k", "request-8");
  ASSERT_FALSE(early.ok());
  EXPECT_THAT(early.error().message(), HasSubstr("not before"));
  EXPECT_TRUE(directory_->DueAt(now_ + 59'999).empty());
  EXPECT_FALSE(store_->DestroyIfDue(directory_->Find("k")->id, Soon())->has_value());

  now_ += 60'000;
  EXPECT_THAT(directory_->DueAt(now_), ::testing::ElementsAre(directory_->Find("k")->id));
  const Result<v1::Key> destroyed = DestroyKey("k", "request-9");
  ASSERT_TRUE(destroyed.ok()) << destroyed.error().Describe();
  EXPECT_EQ(destroyed->state(), v1::DESTROYED);
  EXPECT_TRUE(vault_->Erased(IdOf(*key)));
  EXPECT_FALSE(vault_->Find(IdOf(*key)));
  EXPECT_TRUE(ledger_.List(ledger::Range::Prefix("/blob/"))->entries.empty());
  EXPECT_EQ(ledger_.purges, 1);
  EXPECT_TRUE(directory_->DueAt(now_).empty());
  EXPECT_EQ(directory_->Find("k")->key.state(), v1::DESTROYED);
  EXPECT_EQ(Create("k", "request-10").error().code(), Code::kAlreadyExists);
  EXPECT_TRUE(NothingPending());
}

TEST_F(KeyStoreTest, FinishesADestructionThatEndedBeforeTheErasure) {
  const Result<v1::Key> key = Create("k", "request-1");
  ASSERT_TRUE(Schedule("k", "request-2", 60).ok());
  now_ += 60'000;
  vault_->SetFault(IsCall(v1::CoreRequest::kErase, Code::kUnavailable));
  EXPECT_FALSE(store_->DestroyIfDue(directory_->Find("k")->id, Soon()).ok());
  EXPECT_FALSE(vault_->Erased(IdOf(*key)));
  vault_->SetFault(nullptr);
  Restart();
  EXPECT_EQ(*store_->SettleAll(Soon(), Untold), 0U);
  EXPECT_TRUE(vault_->Erased(IdOf(*key)));
}

TEST_F(KeyStoreTest, CancelledDestructionLeavesTheKeyDisabled) {
  ASSERT_TRUE(Create("k", "request-1").ok());
  EXPECT_EQ(Change("k", "request-2", "CancelKeyDestruction", CancelDestruction).error().code(),
            Code::kFailedPrecondition);
  ASSERT_TRUE(Schedule("k", "request-3", 60).ok());
  const Result<v1::Key> kept = Change("k", "request-4", "CancelKeyDestruction", CancelDestruction);
  ASSERT_TRUE(kept.ok());
  EXPECT_EQ(kept->state(), v1::DISABLED);
  EXPECT_EQ(kept->destruction_unix_ms(), 0);
  now_ += 3'600'000;
  EXPECT_TRUE(directory_->DueAt(now_).empty());
}

TEST_F(KeyStoreTest, RemovesATokenKeyWhoseCreationWasInterrupted) {
  vault_->SetFault(IsCall(v1::CoreRequest::kGenerate, Code::kUnavailable));
  EXPECT_FALSE(Create("t", "request-1", v1::TOKEN).ok());
  // The mark was settled at once, since the core could still be asked to erase.
  EXPECT_TRUE(NothingPending());
  vault_->SetFault([](const v1::CoreRequest& request) -> std::optional<Error> {
    if (request.has_generate() || request.has_erase())
      return Error(Code::kUnavailable, "the core died");
    return std::nullopt;
  });
  EXPECT_FALSE(Create("t", "request-2", v1::TOKEN).ok());
  EXPECT_FALSE(NothingPending());
  vault_->SetFault(nullptr);
  Restart();
  EXPECT_EQ(*store_->SettleAll(Soon(), Untold), 0U);
  EXPECT_TRUE(NothingPending());
  EXPECT_TRUE(Create("t", "request-2", v1::TOKEN).ok());
}

TEST_F(KeyStoreTest, TellsTheCoreAgainWhatItForgot) {
  const Result<v1::Key> key = Create("k", "request-1");
  vault_->Forget(IdOf(*key));
  ASSERT_TRUE(store_->Deliver(directory_->Find("k")->id, Soon()).ok());
  EXPECT_TRUE(vault_->Find(IdOf(*key)));
}

TEST_F(KeyStoreTest, TheViewFollowsOtherWritersAndSurvivesALostFeed) {
  ASSERT_TRUE(Create("k", "request-1").ok());
  const KeyId id = directory_->Find("k")->id;
  const auto write = [&](v1::KeyState state) {
    v1::Key key = *store_->Read(id);
    key.set_state(state);
    ledger::Transaction other;
    other.writes.push_back(ledger::Put{KeyPath(id), ToBytes(key.SerializeAsString())});
    ASSERT_TRUE(ledger_.Commit(other)->committed);
  };
  write(v1::DISABLED);
  EXPECT_EQ(directory_->Find("k")->key.state(), v1::DISABLED);
  ledger_.LoseFeeds();
  write(v1::ENABLED);
  while (directory_->Find("k")->key.state() != v1::ENABLED) std::this_thread::yield();
}

}  // namespace
}  // namespace twinseal::service
