#include <map>

#include "hsm/pkcs11/key_kinds.h"
#include "hsm/wrapping/capabilities.h"
#include "hsm/wrapping/wrap_mechanism.h"
#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::hsm {
namespace {

using test::TokenKind;

TEST(WrapMechanism, NumbersAreFixed) {
  // They stand in blobs.
  EXPECT_EQ(*WrapMechanismFromNumber(1), WrapMechanism::kAesKeyWrapPad);
  EXPECT_EQ(*WrapMechanismFromNumber(2), WrapMechanism::kAesCbcPad);
  EXPECT_EQ(*WrapMechanismFromNumber(3), WrapMechanism::kAesKeyWrapKwp);
  EXPECT_EQ(*WrapMechanismFromNumber(4), WrapMechanism::kAesKeyWrap);
  EXPECT_THAT(WrapMechanismFromNumber(0), Fails(Code::kDataLoss));
  EXPECT_THAT(WrapMechanismFromNumber(5), Fails(Code::kDataLoss));
  EXPECT_THAT(WrapMechanismFromNumber(255), Fails(Code::kDataLoss));
}

class WrappingTest : public TokenTest {
 protected:
  void Probe() {
    auto probed = Capabilities::Probe(*session_);
    ASSERT_THAT(probed, IsOk());
    capabilities_ = std::make_unique<Capabilities>(std::move(*probed));
  }

  std::unique_ptr<Capabilities> capabilities_;
};
TWINSEAL_ON_EACH_TOKEN(WrappingTest);

// It wraps with one mechanism, and makes Ed25519 keys that it cannot wrap.
class SoftHsmWrappingTest : public WrappingTest {};
INSTANTIATE_TEST_SUITE_P(On, SoftHsmWrappingTest, testing::Values(TokenKind::kSoftHsm), KindName);

// It has several mechanisms to choose from.
class NssWrappingTest : public WrappingTest {};
INSTANTIATE_TEST_SUITE_P(On, NssWrappingTest, testing::Values(TokenKind::kNss), KindName);

TEST_P(WrappingTest, AKeyThatWrapsDecryptsNothing) {
  // Or it would give what it has wrapped away in plaintext.
  Connect();
  for (const SecretKeyOptions& options :
       {SecretKeyOptions{}, SecretKeyOptions{.token = true, .label = "test-kek"}}) {
    const auto kek = GenerateWrappingKey(*session_, options);
    ASSERT_THAT(kek, IsOk());
    for (const CK_ATTRIBUTE_TYPE use : {CKA_ENCRYPT, CKA_DECRYPT}) {
      const auto allowed = session_->GetBool(kek->get(), use);
      ASSERT_THAT(allowed, IsOk());
      EXPECT_FALSE(*allowed) << use;
    }
  }
}

TEST_P(WrappingTest, EveryMechanismThatTheTokenHasGoesThereAndBack) {
  Connect();
  Probe();
  const std::map<TokenKind, std::vector<WrapMechanism>> expected = {
      {TokenKind::kSoftHsm, {WrapMechanism::kAesKeyWrapPad}},
      {TokenKind::kNss,
       {WrapMechanism::kAesKeyWrapKwp, WrapMechanism::kAesKeyWrapPad, WrapMechanism::kAesCbcPad}}};
  const auto kek = GenerateWrappingKey(*session_, {});
  ASSERT_THAT(kek, IsOk());
  for (const KeyKind kind :
       {KeyKind::kEcP256, KeyKind::kEcP384, KeyKind::kEcP521, KeyKind::kRsa2048}) {
    const KeyKindInfo& info = Info(kind);
    const auto pair = GenerateSigningPair(*session_, kind, {.extractable = true});
    ASSERT_THAT(pair, IsOk());
    const auto value = ReadPublicValue(*session_, kind, pair->public_key.get());
    ASSERT_THAT(value, IsOk());
    for (const WrapMechanism mechanism : expected.at(GetParam())) {
      SCOPED_TRACE(std::string(info.name) + " " + std::string(Name(mechanism)));
      EXPECT_TRUE(capabilities_->Wraps(mechanism, kind));
      const auto wrapped = Wrap(*session_, mechanism, kek->get(), pair->private_key.get());
      ASSERT_THAT(wrapped, IsOk());
      const auto key = Unwrap(*session_, mechanism, kek->get(), *wrapped,
                              capabilities_->UnwrapTemplate(
                                  kind, info.key_type == CKK_RSA ? value->modulus : value->point));
      ASSERT_THAT(key, IsOk());
      const auto signature = session_->Sign(Mechanism(info.signature), key->get(), kDigest);
      ASSERT_THAT(signature, IsOk());
      EXPECT_THAT(
          session_->Verify(Mechanism(info.signature), pair->public_key.get(), kDigest, *signature),
          IsOk());
      const auto sensitive = session_->GetBool(key->get(), CKA_SENSITIVE);
      ASSERT_THAT(sensitive, IsOk());
      EXPECT_TRUE(*sensitive);
    }
  }
}

TEST_P(WrappingTest, SecretKeysGoThereAndBack) {
  Connect();
  Probe();
  const auto kek = GenerateWrappingKey(*session_, {});
  const auto mac = GenerateMacKey(*session_, {.extractable = true});
  ASSERT_THAT(kek, IsOk());
  ASSERT_THAT(mac, IsOk());
  Template unwrapped;
  unwrapped.Ulong(CKA_CLASS, CKO_SECRET_KEY)
      .Ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
      .Bool(CKA_TOKEN, false)
      .Bool(CKA_SENSITIVE, true)
      .Bool(CKA_SIGN, true)
      .Bool(CKA_VERIFY, true);
  const auto expected = session_->Sign(Mechanism(CKM_SHA256_HMAC), mac->get(), kDigest);
  ASSERT_THAT(expected, IsOk());
  int tried = 0;
  for (const WrapMechanism mechanism : kWrapMechanisms) {
    if (!capabilities_->Wraps(mechanism)) continue;
    SCOPED_TRACE(Name(mechanism));
    ++tried;
    const auto wrapped = Wrap(*session_, mechanism, kek->get(), mac->get());
    ASSERT_THAT(wrapped, IsOk());
    const auto key = Unwrap(*session_, mechanism, kek->get(), *wrapped, unwrapped);
    ASSERT_THAT(key, IsOk());
    const auto again = session_->Sign(Mechanism(CKM_SHA256_HMAC), key->get(), kDigest);
    ASSERT_THAT(again, IsOk());
    EXPECT_EQ(*again, *expected);
  }
  EXPECT_EQ(tried, GetParam() == TokenKind::kSoftHsm ? 2 : 4);
}

TEST_P(WrappingTest, DamagedWrappedKeysAreRefusedAndCostNothing) {
  Connect();
  Probe();
  const auto mechanism = capabilities_->ForSecretKeys();
  ASSERT_THAT(mechanism, IsOk());
  const auto kek = GenerateWrappingKey(*session_, {});
  const auto other = GenerateWrappingKey(*session_, {});
  const auto key = GenerateWrappingKey(*session_, {.extractable = true});
  ASSERT_THAT(kek, IsOk());
  ASSERT_THAT(other, IsOk());
  ASSERT_THAT(key, IsOk());
  const auto wrapped = Wrap(*session_, *mechanism, kek->get(), key->get());
  ASSERT_THAT(wrapped, IsOk());
  const auto unwrap = [&](Object under, BytesView bytes) {
    return Unwrap(*session_, *mechanism, under, bytes, UnwrappedWrappingKey());
  };
  ASSERT_THAT(unwrap(kek->get(), *wrapped), IsOk());
  // Tokens have no common answer: data_loss from most, CKR_GENERAL_ERROR (SoftHSM) or
  // CKR_HOST_MEMORY (NSS softokn, for cut ones) from others.
  const auto refused = testing::Not(IsOk());
  for (std::size_t i = 0; i < wrapped->size(); ++i) {
    Bytes flipped = *wrapped;
    flipped[i] ^= 0x01U;
    EXPECT_THAT(unwrap(kek->get(), flipped), refused) << "byte " << i;
    EXPECT_THAT(unwrap(kek->get(), *wrapped), IsOk());
  }
  for (std::size_t size = 0; size < wrapped->size(); ++size) {
    EXPECT_THAT(unwrap(kek->get(), BytesView(*wrapped).first(size)), refused) << "cut to " << size;
    EXPECT_THAT(unwrap(kek->get(), *wrapped), IsOk());
  }
  EXPECT_THAT(unwrap(other->get(), *wrapped), refused);
  EXPECT_TRUE(session_->ready());
  EXPECT_EQ(connection_->Describe(), "ready");
}

TEST_P(WrappingTest, CbcNeedsMoreThanItsIv) {
  Connect();
  const auto kek = GenerateWrappingKey(*session_, {});
  ASSERT_THAT(kek, IsOk());
  for (const std::size_t size : {0U, 1U, 15U, 16U}) {
    EXPECT_THAT(Unwrap(*session_, WrapMechanism::kAesCbcPad, kek->get(), Bytes(size),
                       UnwrappedWrappingKey()),
                Fails(Code::kDataLoss));
  }
}

TEST_P(WrappingTest, ProbingLeavesNothingBehind) {
  Connect();
  Probe();
  const auto left = session_->Find({});
  ASSERT_THAT(left, IsOk());
  for (const Object object : *left) {
    const auto object_class = session_->GetUlong(object, CKA_CLASS);
    ASSERT_THAT(object_class, IsOk());
    EXPECT_NE(*object_class, CKO_PRIVATE_KEY);
    EXPECT_NE(*object_class, CKO_SECRET_KEY);
  }
  EXPECT_TRUE(session_->ready());
}

TEST_P(WrappingTest, VaultTakesEcAndRsa) {
  Connect();
  Probe();
  for (const KeyKindInfo& info : KeyKinds()) {
    if (info.kind == KeyKind::kEd25519) continue;
    EXPECT_THAT(capabilities_->CheckVault(info.kind), IsOk());
    EXPECT_THAT(capabilities_->CheckToken(info.kind), IsOk());
    EXPECT_THAT(capabilities_->ForPrivateKeys(info.kind), IsOk());
  }
}

TEST_P(SoftHsmWrappingTest, Ed25519IsRefusedByNameSinceItCannotBeWrapped) {
  Connect();
  Probe();
  EXPECT_THAT(capabilities_->CheckToken(KeyKind::kEd25519), IsOk());
  const Status refused = capabilities_->CheckVault(KeyKind::kEd25519);
  ASSERT_THAT(refused, Fails(Code::kUnimplemented, "CKR_KEY_NOT_WRAPPABLE"));
  EXPECT_EQ(refused.error().message(),
            "ed25519 in the vault: this HSM cannot wrap ed25519 keys (CKR_KEY_NOT_WRAPPABLE): use "
            "--storage token");
}

TEST_P(WrappingTest, TokenWithoutAWrappingMechanismIsKnown) {
  token_.Interpose();
  token_.Script(
      "C_GetMechanismList hide CKM_AES_KEY_WRAP_PAD\n"
      "C_GetMechanismList hide CKM_AES_KEY_WRAP_KWP\n"
      "C_GetMechanismList hide CKM_AES_KEY_WRAP\n"
      "C_GetMechanismList hide CKM_AES_CBC_PAD\n");
  Connect();
  Probe();
  EXPECT_THAT(capabilities_->ForSecretKeys(), Fails(Code::kUnimplemented, "CKR_MECHANISM_INVALID"));
  EXPECT_THAT(capabilities_->CheckVault(KeyKind::kEcP256),
              Fails(Code::kUnimplemented, "CKR_MECHANISM_INVALID"));
  EXPECT_THAT(capabilities_->ForPrivateKeys(KeyKind::kRsa4096), Fails(Code::kUnimplemented));
  EXPECT_THAT(capabilities_->CheckToken(KeyKind::kEcP256), IsOk());
}

TEST_P(NssWrappingTest, AnotherMechanismIsTakenWhenTheBestIsMissing) {
  token_.Interpose();
  token_.Script(
      "C_GetMechanismList hide CKM_AES_KEY_WRAP_PAD\nC_GetMechanismList hide "
      "CKM_AES_KEY_WRAP_KWP\n");
  Connect();
  Probe();
  const auto mechanism = capabilities_->ForPrivateKeys(KeyKind::kEcP256);
  ASSERT_THAT(mechanism, IsOk());
  EXPECT_EQ(*mechanism, WrapMechanism::kAesCbcPad);
}

TEST_P(WrappingTest, MissingSignatureMechanismIsNamed) {
  token_.Interpose();
  token_.Script("C_GetMechanismList hide CKM_ECDSA");
  Connect();
  Probe();
  const Status refused = capabilities_->CheckVault(KeyKind::kEcP384);
  ASSERT_THAT(refused, Fails(Code::kUnimplemented));
  EXPECT_EQ(refused.error().message(),
            "ec-p384 in the vault: this HSM cannot sign with ec-p384 keys (CKR_MECHANISM_INVALID)");
  EXPECT_THAT(capabilities_->CheckVault(KeyKind::kRsa2048), IsOk());
}

}  // namespace
}  // namespace twinseal::hsm
