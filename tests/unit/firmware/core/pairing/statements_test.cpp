// What is signed and MACed, byte for byte: another implementation must come to the same.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "common/crypto/digest.h"
#include "common/crypto/public_key.h"
#include "firmware/core/pairing/derived_secret.h"
#include "firmware/core/pairing/identity_signature.h"
#include "firmware/core/pairing/proofs.h"
#include "tests/unit/firmware/core/pairing/places.h"

namespace twinseal::core {
namespace {

using std::string_literals::operator""s;

Bytes SoftwareHmac(BytesView key, std::string_view text) {
  Bytes mac(32);
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), AsBytes(text).data(), text.size(),
       mac.data(), &size);
  return mac;
}

std::string Sha256(std::string_view text) {
  const crypto::Sha256Digest digest = crypto::Sha256(AsBytes(text));
  return ToString(digest);
}

class StatementsTest : public testing::TestWithParam<TokenKind> {
 protected:
  StatementsTest() : token_(GetParam()), place_(token_.options()) {
    EXPECT_THAT(MakeApplianceKeys(place_.session()), Succeeds());
  }

  // In the place of the binding key that set-up made, one whose value the test knows.
  hsm::Object KnownBindingKey() {
    hsm::Session& session = place_.session();
    EXPECT_THAT(DestroyAll(session, CKO_SECRET_KEY, kBindingKeyLabel), Succeeds());
    hsm::Template key;
    key.Ulong(CKA_CLASS, CKO_SECRET_KEY)
        .Ulong(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .Bool(CKA_TOKEN, true)
        .Bool(CKA_PRIVATE, true)
        .Bool(CKA_SIGN, true)
        .Text(CKA_LABEL, kBindingKeyLabel)
        .Data(CKA_VALUE, kValue);
    auto made = session.CreateObject(key);
    EXPECT_THAT(made, Succeeds());
    return made->Release();
  }

  inline static const Bytes kValue = Bytes(32, 0x42);

  test::TestToken token_;
  Place place_;
};
INSTANTIATE_TEST_SUITE_P(On, StatementsTest, testing::Values(TokenKind::kSoftHsm, TokenKind::kNss),
                         [](const auto& kind) { return test::Name(kind.param); });

TEST_P(StatementsTest, TheHoldersProof) {
  const hsm::Object binding_key = KnownBindingKey();
  const auto proof = HolderProof(place_.session(), binding_key,
                                 {.wrapped_domain_kek = AsBytes("kek"),
                                  .wrapped_binding_key = AsBytes("binding"),
                                  .transcript = AsBytes("transcript")});
  ASSERT_THAT(proof, Succeeds());
  EXPECT_EQ(*proof, SoftwareHmac(kValue, "twinseal pairing holder\0"s + Sha256("kek") +
                                             Sha256("binding") + "transcript"));
}

TEST_P(StatementsTest, TheJoinersProof) {
  const hsm::Object binding_key = KnownBindingKey();
  const auto proof = JoinerProof(place_.session(), binding_key, AsBytes("transcript"));
  ASSERT_THAT(proof, Succeeds());
  EXPECT_EQ(*proof, SoftwareHmac(kValue, "twinseal pairing joiner\0transcript"s));
}

TEST_P(StatementsTest, ADerivedSecret) {
  (void)KnownBindingKey();
  const auto secret = DeriveSecret(place_.session(), "ledger-seal");
  ASSERT_THAT(secret, Succeeds());
  EXPECT_EQ(HexEncode(secret->Reveal(SecretAccess())),
            HexEncode(SoftwareHmac(kValue, "twinseal derived secret\0ledger-seal"s)));
}

TEST_P(StatementsTest, APurposeIsAName) {
  const std::string longest(kMaxPurposeBytes, 'a');
  EXPECT_THAT(DeriveSecret(place_.session(), longest), Succeeds());
  for (const std::string& purpose :
       {""s, longest + "a", "Ledger"s, "two words"s, "nul\0in it"s, "umlaut\xc3\xa4"s}) {
    EXPECT_THAT(DeriveSecret(place_.session(), purpose),
                FailsWith(Code::kInvalidArgument, "derive_secret.purpose"));
  }
}

TEST_P(StatementsTest, AnIdentitySignature) {
  const crypto::Sha256Digest digest = crypto::Sha256(AsBytes("a statement"));
  const auto made = SignAsIdentity(place_.session(), digest);
  ASSERT_THAT(made, Succeeds());
  const auto public_key = crypto::PublicKey::FromDer(made->public_key_der);
  ASSERT_THAT(public_key, Succeeds());
  EXPECT_EQ(public_key->algorithm(), v1::EC_P256);
  EXPECT_THAT(public_key->Verify(v1::ECDSA_SHA256, digest, made->signature), Succeeds());
  const auto again = SignAsIdentity(place_.session(), digest);
  ASSERT_THAT(again, Succeeds());
  EXPECT_EQ(again->public_key_der, made->public_key_der);
  EXPECT_THAT(SignAsIdentity(place_.session(), AsBytes("a statement")),
              FailsWith(Code::kInvalidArgument, "sign_as_identity.sha256"));
}

TEST_P(StatementsTest, NobodySignsWithoutAnIdentity) {
  ASSERT_THAT(DestroyAll(place_.session(), CKO_PRIVATE_KEY, kIdentityLabel), Succeeds());
  EXPECT_THAT(SignAsIdentity(place_.session(), Bytes(32)),
              FailsWith(Code::kFailedPrecondition, "`twinseal appliance init`"));
}

}  // namespace
}  // namespace twinseal::core
