// What a domain is good for once the joiner has it, and how a site gives it up.
#include <filesystem>

#include "common/crypto/public_key.h"
#include "firmware/core/keys/anchor.h"
#include "firmware/core/keys/key_engine.h"
#include "firmware/core/pairing/domain_removal.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/firmware/core/pairing/places.h"

namespace twinseal::core {
namespace {

// A key engine with its vault in `folder`.
class Engine {
 public:
  Engine(Place& place, const std::filesystem::path& folder) : place_(place) {
    auto vault = Vault::Open(folder);
    EXPECT_THAT(vault, Succeeds());
    engine_ = std::make_unique<KeyEngine>(std::move(*vault), *SiteName::Parse("a"));
    bench_ = std::make_unique<Workbench>(place_.session());
  }

  ReplicaBlob Generate() {
    KeyHeader header;
    header.id = KeyId::Random();
    header.algorithm = v1::EC_P256;
    auto made = engine_->Generate(*bench_, header);
    EXPECT_THAT(made, Succeeds());
    return std::move(*made);
  }
  Status Install(const ReplicaBlob& blob) { return engine_->Install(*bench_, blob.bytes); }
  Status Prepare() { return engine_->Prepare(*bench_); }
  Status Anchor() { return engine_->Anchor(*bench_); }

  Result<Bytes> Sign(const KeyHeader& header) {
    SignOrder order;
    order.items.push_back({.scheme = v1::ECDSA_SHA256, .digest = kDigest});
    auto answers =
        engine_->Sign(*bench_, header.id, header.version, header.revision, order, nullptr);
    EXPECT_EQ(answers.size(), 1U);
    if (!answers.front().ok()) return answers.front().error();
    return std::move(answers.front()->front());
  }
  void ExpectSigns(const KeyHeader& header) {
    const Result<Bytes> signature = Sign(header);
    ASSERT_THAT(signature, Succeeds());
    const auto key = crypto::PublicKey::FromDer(header.public_key);
    ASSERT_THAT(key, Succeeds());
    EXPECT_THAT(key->Verify(v1::ECDSA_SHA256, kDigest, *signature), Succeeds());
  }

 private:
  inline static const Bytes kDigest = Bytes(32, 0x5a);

  Place& place_;
  std::unique_ptr<KeyEngine> engine_;
  std::unique_ptr<Workbench> bench_;
};

class DomainLifeTest : public PlacesTest {
 protected:
  std::filesystem::path HolderVault() const { return folder_.path() / "holder"; }
  std::filesystem::path JoinerVault() const { return folder_.path() / "joiner"; }

  // A key of the holder's that the joiner has in its vault, anchored.
  ReplicaBlob ReplicatedKey() {
    Engine at_holder(*holder_, HolderVault());
    ReplicaBlob key = at_holder.Generate();
    Engine at_joiner(*joiner_, JoinerVault());
    EXPECT_THAT(at_joiner.Install(key), Succeeds());
    EXPECT_THAT(at_joiner.Anchor(), Succeeds());
    return key;
  }
  Status Drop() { return DropDomain(joiner_->session(), JoinerVault()); }

  test::TempFolder folder_;
};
TWINSEAL_ON_TWO_SOFTHSM_TOKENS(DomainLifeTest);

TEST_P(DomainLifeTest, AKeyOfTheHoldersSignsAtTheJoiner) {
  Pair();
  Engine at_holder(*holder_, HolderVault());
  const ReplicaBlob key = at_holder.Generate();
  ASSERT_THAT(at_holder.Install(key), Succeeds());
  Engine at_joiner(*joiner_, JoinerVault());
  ASSERT_THAT(at_joiner.Install(key), Succeeds());
  at_holder.ExpectSigns(key.header);
  at_joiner.ExpectSigns(key.header);

  const ReplicaBlob back = at_joiner.Generate();
  ASSERT_THAT(at_holder.Install(back), Succeeds());
  at_holder.ExpectSigns(back.header);
}

TEST_P(DomainLifeTest, DroppingItLeavesNothingOfIt) {
  Pair();
  (void)ReplicatedKey();
  ASSERT_TRUE(ReadAnchor(joiner_->session())->has_value());
  ASSERT_THAT(Drop(), Succeeds());
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
  EXPECT_FALSE(ReadAnchor(joiner_->session())->has_value());
  for (const auto& entry : std::filesystem::directory_iterator(JoinerVault())) {
    EXPECT_EQ(entry.path().filename(), "vault.lock");
  }
  EXPECT_THAT(CheckApplianceKeys(joiner_->session()),
              FailsWith(Code::kFailedPrecondition, "`twinseal pair create`"));
  EXPECT_THAT(CheckSiteKeys(joiner_->session()), Succeeds());
  EXPECT_THAT(Drop(), Succeeds());
}

TEST_P(DomainLifeTest, ACopyOfTheVaultOpensNoMore) {
  Pair();
  const ReplicaBlob key = ReplicatedKey();
  const std::filesystem::path copy = folder_.path() / "copy";
  std::filesystem::copy(JoinerVault(), copy, std::filesystem::copy_options::recursive);
  ASSERT_THAT(Drop(), Succeeds());
  Pair();  // The same binding key, so that the copy's records are bound as they should be.
  Engine with_the_copy(*joiner_, copy);
  ASSERT_THAT(with_the_copy.Prepare(), Succeeds());
  EXPECT_THAT(with_the_copy.Sign(key.header), FailsWith(Code::kAborted, "C_UnwrapKey"));
  ASSERT_THAT(with_the_copy.Install(key), Succeeds());
  with_the_copy.ExpectSigns(key.header);
}

TEST_P(DomainLifeTest, AfterwardsTheApplianceJoinsAgain) {
  Pair();
  const ReplicaBlob before = ReplicatedKey();
  ASSERT_THAT(Drop(), Succeeds());
  // Another domain, at the same holder.
  ASSERT_THAT(DropDomain(holder_->session(), HolderVault()), Succeeds());
  ASSERT_THAT(DestroyAll(holder_->session(), CKO_SECRET_KEY, kSiteKekLabel), Succeeds());
  ASSERT_THAT(DestroyAll(holder_->session(), CKO_PRIVATE_KEY, kIdentityLabel), Succeeds());
  ASSERT_THAT(DestroyAll(holder_->session(), CKO_PUBLIC_KEY, kIdentityLabel), Succeeds());
  ASSERT_THAT(MakeApplianceKeys(holder_->session()), Succeeds());
  Pair();
  Engine at_joiner(*joiner_, JoinerVault());
  ASSERT_THAT(at_joiner.Prepare(), Succeeds());
  EXPECT_THAT(at_joiner.Install(before), FailsWith(Code::kDataLoss, "binding"));
  const ReplicaBlob key = at_joiner.Generate();
  ASSERT_THAT(at_joiner.Install(key), Succeeds());
  at_joiner.ExpectSigns(key.header);
}

TEST_P(DomainLifeTest, IsNotDroppedUnderAServingCore) {
  Pair();
  const Engine serving(*joiner_, JoinerVault());
  EXPECT_THAT(Drop(), FailsWith(Code::kFailedPrecondition, "another twinseal-core"));
  EXPECT_EQ(joiner_->Domain(), DomainThere::kWhole);
}

TEST_P(DomainLifeTest, DroppingGoesOnWhereItWasInterrupted) {
  Pair();
  (void)ReplicatedKey();
  ASSERT_THAT(DestroyAll(joiner_->session(), CKO_SECRET_KEY, kBindingKeyLabel), Succeeds());
  ASSERT_THAT(DestroyAll(joiner_->session(), CKO_SECRET_KEY, kSiteKekLabel), Succeeds());
  ASSERT_THAT(Drop(), Succeeds());
  EXPECT_EQ(joiner_->Domain(), DomainThere::kNone);
  EXPECT_THAT(CheckSiteKeys(joiner_->session()), Succeeds());
  Pair();
}

TEST_P(DomainLifeTest, AnAbortedCeremonyLeavesNoTransportKey) {
  ASSERT_THAT(MakeTransportKey(joiner_->session()), Succeeds());
  ASSERT_THAT(Drop(), Succeeds());
  EXPECT_EQ(joiner_->Count(CKO_PRIVATE_KEY, kTransportLabel), 0U);
  EXPECT_EQ(joiner_->Count(CKO_PUBLIC_KEY, kTransportLabel), 0U);
}

}  // namespace
}  // namespace twinseal::core
