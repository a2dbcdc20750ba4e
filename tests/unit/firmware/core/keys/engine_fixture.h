// A key engine on a real token, with a vault in a temporary folder.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/crypto/algorithms.h"
#include "common/crypto/public_key.h"
#include "firmware/core/keys/key_engine.h"
#include "firmware/core/setup/appliance_keys.h"
#include "hsm/pkcs11/connection.h"
#include "tests/support/results.h"
#include "tests/support/token_fixture.h"

namespace twinseal::core {

using test::FailsWith;
using test::Succeeds;

class EngineTest : public testing::TestWithParam<test::TokenKind> {
 protected:
  EngineTest() : token_(GetParam()), pin_(test::TestToken::Pin()) {}

  void SetUp() override {
    connection_ = std::make_unique<hsm::Connection>(token_.options(), pin_);
    session_ = connection_->NewSession();
    ASSERT_THAT(session_->Ensure(), Succeeds());
    ASSERT_THAT(MakeApplianceKeys(*session_), Succeeds());
    OpenEngine();
  }

  void OpenEngine() {
    auto vault = Vault::Open(token_.folder() / "vault");
    ASSERT_THAT(vault, Succeeds());
    engine_ = std::make_unique<KeyEngine>(std::move(*vault), *SiteName::Parse("a"));
    bench_ = std::make_unique<Workbench>(*session_);
  }
  void CloseEngine() { engine_.reset(); }
  void Restart() {
    CloseEngine();
    OpenEngine();
  }

  static KeyHeader Header(v1::Algorithm algorithm = v1::EC_P256) {
    KeyHeader header;
    header.id = KeyId::Random();
    header.algorithm = algorithm;
    return header;
  }

  // A key that was made and installed.
  ReplicaBlob NewKey(const KeyHeader& header) {
    auto made = engine_->Generate(*bench_, header);
    EXPECT_THAT(made, Succeeds());
    if (!made.ok()) throw std::runtime_error(made.error().Describe());
    EXPECT_THAT(engine_->Install(*bench_, made->bytes), Succeeds());
    return std::move(*made);
  }
  ReplicaBlob NewKey(v1::Algorithm algorithm = v1::EC_P256) { return NewKey(Header(algorithm)); }

  // The next revision of a key, not installed.
  ReplicaBlob Revised(const ReplicaBlob& key, v1::KeyState state,
                      const std::optional<v1::KeyPolicy>& policy = std::nullopt) {
    auto revised = engine_->Revise(*bench_, key.bytes,
                                   {.state = state,
                                    .policy = policy.value_or(key.header.policy),
                                    .revision = KeyRevision{Number(key.header.revision) + 1}});
    EXPECT_THAT(revised, Succeeds());
    if (!revised.ok()) throw std::runtime_error(revised.error().Describe());
    return std::move(*revised);
  }

  static SignOrder Order(v1::Scheme scheme, std::size_t items = 1, std::uint8_t seed = 1) {
    SignOrder order;
    const std::size_t size = crypto::Find(scheme)->digest_size;
    for (std::size_t i = 0; i < items; ++i) {
      Bytes digest(size != 0 ? size : 40, seed);
      digest.front() = static_cast<std::uint8_t>(i);
      order.items.push_back({.scheme = scheme, .digest = std::move(digest)});
    }
    return order;
  }

  Result<std::vector<Bytes>> Sign(const KeyHeader& header, const SignOrder& order) {
    return Sign(*bench_, header, order);
  }
  Result<std::vector<Bytes>> Sign(Workbench& bench, const KeyHeader& header,
                                  const SignOrder& order) {
    auto answers = engine_->Sign(bench, header.id, header.version, header.revision, order, nullptr);
    EXPECT_EQ(answers.size(), 1U);
    return std::move(answers.front());
  }
  Result<std::vector<Bytes>> Sign(const KeyHeader& header) {
    return Sign(header, Order(crypto::Find(header.algorithm)->usual_scheme));
  }

  static void ExpectValid(const KeyHeader& header, const SignOrder& order,
                          const Result<std::vector<Bytes>>& signatures) {
    ASSERT_THAT(signatures, Succeeds());
    ASSERT_EQ(signatures->size(), order.items.size());
    const auto key = crypto::PublicKey::FromDer(header.public_key);
    ASSERT_THAT(key, Succeeds());
    for (std::size_t i = 0; i < order.items.size(); ++i) {
      EXPECT_THAT(key->Verify(order.items[i].scheme, order.items[i].digest, (*signatures)[i]),
                  Succeeds());
    }
  }
  void ExpectSigns(const KeyHeader& header) {
    const SignOrder order = Order(crypto::Find(header.algorithm)->usual_scheme);
    ExpectValid(header, order, Sign(header, order));
  }

  Bytes RecordOf(const KeyHeader& header) {
    const auto record = engine_->vault().Read(header.id, header.version);
    EXPECT_THAT(record, Succeeds());
    return record.ok() && record->has_value() ? (*record)->blob : Bytes();
  }

  // Somebody with access to the file changes it behind the engine's back.
  void PutRecord(const KeyHeader& header, const Bytes& record) {
    SQLite::Database file(engine_->vault().path().string(), SQLite::OPEN_READWRITE, 5000);
    SQLite::Statement put(
        file, "UPDATE slots SET record = ? WHERE slot = (SELECT slot FROM marks WHERE key_id = ?)");
    put.bind(1, record.data(), static_cast<int>(record.size()));
    put.bind(2, header.id.bytes().data(), static_cast<int>(header.id.bytes().size()));
    ASSERT_EQ(put.exec(), 1);
  }

  // Session objects that are there, but for the copies of the token's own keys. NSS softokn counts
  // those of the token as well when asked for CKA_TOKEN false alone, so the class is named.
  std::size_t SessionObjects() {
    std::size_t count = 0;
    for (const CK_OBJECT_CLASS object_class :
         {CK_OBJECT_CLASS{CKO_PRIVATE_KEY}, CK_OBJECT_CLASS{CKO_PUBLIC_KEY},
          CK_OBJECT_CLASS{CKO_SECRET_KEY}}) {
      hsm::Template match;
      match.Ulong(CKA_CLASS, object_class).Bool(CKA_TOKEN, false);
      const auto found = session_->Find(match);
      EXPECT_THAT(found, Succeeds());
      if (!found.ok()) continue;
      for (const hsm::Object object : *found) {
        const auto label = session_->GetAttribute(object, CKA_LABEL);
        if (!label.ok() || !AsText(*label).starts_with("twinseal-")) ++count;
      }
    }
    return count;
  }

  test::TestToken token_;
  hsm::FixedPin pin_;
  std::unique_ptr<hsm::Connection> connection_;
  std::unique_ptr<hsm::Session> session_;
  std::unique_ptr<Workbench> bench_;
  std::unique_ptr<KeyEngine> engine_;
};

inline std::string TokenName(const testing::TestParamInfo<test::TokenKind>& info) {
  return test::Name(info.param);
}

#define TWINSEAL_ENGINE_ON_EACH_TOKEN(suite) \
  INSTANTIATE_TEST_SUITE_P(                  \
      On, suite, testing::Values(test::TokenKind::kSoftHsm, test::TokenKind::kNss), TokenName)

}  // namespace twinseal::core
