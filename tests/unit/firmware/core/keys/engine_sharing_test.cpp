// Orders that share an activation, and workers that share a key.
#include <atomic>
#include <thread>

#include "tests/unit/firmware/core/keys/engine_fixture.h"

namespace twinseal::core {
namespace {

class EngineSharingTest : public EngineTest {
 protected:
  ReplicaBlob SharedKey(std::uint32_t most) {
    KeyHeader header = Header();
    header.policy.set_max_signatures_per_activation(most);
    return NewKey(header);
  }
};
TWINSEAL_ENGINE_ON_EACH_TOKEN(EngineSharingTest);

TEST_P(EngineSharingTest, WaitingOrdersShareWhatThePolicyAllows) {
  const ReplicaBlob key = SharedKey(8);
  const SignOrder first = Order(v1::ECDSA_SHA256, 2);
  std::vector<SignOrder> more = {Order(v1::ECDSA_SHA256, 1, 5), Order(v1::ECDSA_SHA256, 3, 6),
                                 Order(v1::ECDSA_SHA256, 2, 7)};
  more[1].items[1].digest.clear();
  std::size_t asked = 0;
  const auto answers = engine_->Sign(*bench_, key.header.id, key.header.version,
                                     key.header.revision, first, [&](std::size_t room) {
                                       asked = room;
                                       return more;
                                     });
  EXPECT_EQ(asked, 6U);
  ASSERT_EQ(answers.size(), 4U);
  ExpectValid(key.header, first, answers[0]);
  ExpectValid(key.header, more[0], answers[1]);
  EXPECT_THAT(answers[2], FailsWith(Code::kInvalidArgument, ""));
  ExpectValid(key.header, more[2], answers[3]);
  EXPECT_EQ(engine_->counters().activations, 1U);
}

TEST_P(EngineSharingTest, WhatThePolicySaysOfThisSiteCounts) {
  KeyHeader header = Header();
  header.policy.set_max_signatures_per_activation(8);
  for (const char* site : {"a", "b"}) {  // The engine's is a.
    v1::SitePolicy& own = *header.policy.add_at_sites();
    own.set_site(site);
    own.set_max_signatures_per_activation(site == std::string_view("a") ? 3 : 5);
  }
  const ReplicaBlob key = NewKey(header);
  std::size_t asked = 0;
  const auto answers =
      engine_->Sign(*bench_, key.header.id, key.header.version, key.header.revision,
                    Order(v1::ECDSA_SHA256), [&](std::size_t room) {
                      asked = room;
                      return std::vector<SignOrder>();
                    });
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0], Succeeds());
  EXPECT_EQ(asked, 2U);
}

TEST_P(EngineSharingTest, WithoutThePolicyNobodyIsAsked) {
  const ReplicaBlob key = NewKey();
  bool asked = false;
  const auto answers =
      engine_->Sign(*bench_, key.header.id, key.header.version, key.header.revision,
                    Order(v1::ECDSA_SHA256), [&](std::size_t) {
                      asked = true;
                      return std::vector<SignOrder>();
                    });
  EXPECT_EQ(answers.size(), 1U);
  EXPECT_FALSE(asked);
}

TEST_P(EngineSharingTest, ABatchThatFillsTheActivationIsAlone) {
  const ReplicaBlob key = SharedKey(4);
  bool asked = false;
  const SignOrder batch = Order(v1::ECDSA_SHA256, 6);
  const auto answers = engine_->Sign(*bench_, key.header.id, key.header.version,
                                     key.header.revision, batch, [&](std::size_t) {
                                       asked = true;
                                       return std::vector<SignOrder>();
                                     });
  ASSERT_EQ(answers.size(), 1U);
  ExpectValid(key.header, batch, answers[0]);
  EXPECT_FALSE(asked);
}

TEST_P(EngineSharingTest, MoreThanThereIsRoomForIsNotSigned) {
  const ReplicaBlob key = SharedKey(3);
  const auto answers = engine_->Sign(
      *bench_, key.header.id, key.header.version, key.header.revision, Order(v1::ECDSA_SHA256),
      [](std::size_t) {
        return std::vector<SignOrder>{Order(v1::ECDSA_SHA256, 2), Order(v1::ECDSA_SHA256, 1)};
      });
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_THAT(answers[1], Succeeds());
  EXPECT_THAT(answers[2], FailsWith(Code::kInternal, "share"));
}

TEST_P(EngineSharingTest, WorkersActivateOneKeyAtOnce) {
  const ReplicaBlob key = NewKey();
  const ReplicaBlob other = NewKey();
  constexpr int kRounds = 60;
  std::vector<std::thread> workers;
  for (int w = 0; w < 2; ++w) {
    workers.emplace_back([&, w] {
      const auto session = connection_->NewSession();
      Workbench bench(*session);
      for (int i = 0; i < kRounds; ++i) {
        const KeyHeader& header = i % 4 == w ? other.header : key.header;
        const SignOrder order = Order(v1::ECDSA_SHA256, 1, static_cast<std::uint8_t>(i));
        ExpectValid(header, order, Sign(bench, header, order));
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_THAT(engine_->vault().Damaged(), testing::IsEmpty());
  ExpectSigns(key.header);
  Restart();
  ExpectSigns(key.header);
  ExpectSigns(other.header);
}

TEST_P(EngineSharingTest, NoSignatureUnderTheOldRuleAfterAChangeReturned) {
  const ReplicaBlob key = NewKey();
  std::atomic<bool> disabled_returned{false};
  std::atomic<int> signed_before{0};
  std::thread signer([&] {
    const auto session = connection_->NewSession();
    Workbench bench(*session);
    while (true) {
      const bool after = disabled_returned.load();
      const auto answer = Sign(bench, key.header, Order(v1::ECDSA_SHA256));
      if (!answer.ok()) {
        // Refused under the new rule, or told that the rule changed under way.
        EXPECT_THAT(answer.error().code(),
                    testing::AnyOf(Code::kFailedPrecondition, Code::kAborted));
        if (answer.error().code() == Code::kFailedPrecondition) return;
        continue;
      }
      // What began after the change returned cannot have succeeded.
      EXPECT_FALSE(after);
      ++signed_before;
    }
  });
  while (signed_before.load() < 5) std::this_thread::yield();
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  ASSERT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
  disabled_returned = true;
  signer.join();
}

TEST_P(EngineSharingTest, AChangeWhileOrdersAreTakenStopsTheActivation) {
  // The change comes between the reading of the record and its use: nothing may be released.
  const ReplicaBlob key = SharedKey(4);
  const ReplicaBlob disabled = Revised(key, v1::DISABLED);
  const auto answers =
      engine_->Sign(*bench_, key.header.id, key.header.version, key.header.revision,
                    Order(v1::ECDSA_SHA256), [&](std::size_t) {
                      EXPECT_THAT(engine_->Install(*bench_, disabled.bytes), Succeeds());
                      return std::vector<SignOrder>{Order(v1::ECDSA_SHA256)};
                    });
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_THAT(answers[0], FailsWith(Code::kAborted, "changed while it signed"));
  EXPECT_THAT(answers[1], FailsWith(Code::kAborted, "changed while it signed"));
  EXPECT_THAT(Sign(key.header), FailsWith(Code::kFailedPrecondition, "disabled"));
}

TEST_P(EngineSharingTest, AKeyErasedUnderWayReleasesNothing) {
  const ReplicaBlob key = SharedKey(4);
  const auto answers =
      engine_->Sign(*bench_, key.header.id, key.header.version, key.header.revision,
                    Order(v1::ECDSA_SHA256), [&](std::size_t) {
                      EXPECT_THAT(engine_->Erase(*bench_, key.header.id), Succeeds());
                      return std::vector<SignOrder>();
                    });
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_THAT(answers[0], FailsWith(Code::kAborted, "changed while it signed"));
  EXPECT_EQ(engine_->vault().size(), 0U);
}

}  // namespace
}  // namespace twinseal::core
