#include "hsm/pkcs11/session.h"

#include <atomic>
#include <set>
#include <thread>

#include "hsm/pkcs11/key_kinds.h"
#include "hsm/pkcs11/session_pool.h"
#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::hsm {
namespace {

class SessionTest : public TokenTest {
 protected:
  void SetUp() override { Connect(); }

  std::size_t CountSecretKeys() {
    Template match;
    match.Ulong(CKA_CLASS, CKO_SECRET_KEY);
    const auto found = session_->Find(match);
    EXPECT_THAT(found, IsOk());
    return found.ok() ? found->size() : 0;
  }
};
TWINSEAL_ON_EACH_TOKEN(SessionTest);

TEST_P(SessionTest, DescribesTheTokenAndTheModule) {
  ASSERT_TRUE(connection_->token().has_value());
  EXPECT_EQ(connection_->token()->label, test::TestToken::kLabel);
  EXPECT_FALSE(connection_->token()->model.empty());
  EXPECT_TRUE(connection_->token()->user_pin_set());
  ASSERT_TRUE(connection_->module_info().has_value());
  EXPECT_FALSE(connection_->module_info()->manufacturer.empty());
  EXPECT_EQ(connection_->Describe(), "ready");
  EXPECT_NE(session_->incarnation(), 0U);
}

TEST_P(SessionTest, SessionObjectsGoWithTheirHandle) {
  const std::size_t before = CountSecretKeys();
  {
    const auto key = GenerateWrappingKey(*session_, {});
    ASSERT_THAT(key, IsOk());
    EXPECT_EQ(CountSecretKeys(), before + 1);
  }
  EXPECT_EQ(CountSecretKeys(), before);

  auto key = GenerateWrappingKey(*session_, {});
  ASSERT_THAT(key, IsOk());
  EXPECT_THAT(key->Destroy(), IsOk());
  EXPECT_FALSE(key->valid());
  EXPECT_THAT(key->Destroy(), IsOk()) << "a second time is nothing";
  EXPECT_EQ(CountSecretKeys(), before);
}

TEST_P(SessionTest, HandlesMoveWithoutDestroyingTwice) {
  const std::size_t before = CountSecretKeys();
  auto first = GenerateWrappingKey(*session_, {});
  auto second = GenerateWrappingKey(*session_, {});
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  *first = std::move(*second);  // The first key is destroyed, the second has a new owner.
  EXPECT_EQ(CountSecretKeys(), before + 1);
  const ObjectHandle last = std::move(*first);
  EXPECT_EQ(CountSecretKeys(), before + 1);
}

TEST_P(SessionTest, TokenObjectsStayAndAreFoundByLabel) {
  EXPECT_THAT(session_->FindTokenObject(CKO_SECRET_KEY, "site"), Fails(Code::kNotFound));
  auto key = GenerateWrappingKey(*session_, {.token = true, .label = "site"});
  ASSERT_THAT(key, IsOk());
  key->Release();
  const auto found = session_->FindTokenObject(CKO_SECRET_KEY, "site");
  ASSERT_THAT(found, IsOk());
  EXPECT_THAT(session_->FindTokenObject(CKO_PRIVATE_KEY, "site"), Fails(Code::kNotFound));

  // Another connection, after everything was closed, finds it as well.
  session_.reset();
  connection_.reset();
  Connect();
  const auto again = session_->FindTokenObject(CKO_SECRET_KEY, "site");
  ASSERT_THAT(again, IsOk());
  EXPECT_THAT(session_->Destroy(*again), IsOk());
  session_->ForgetTokenObjects();
  EXPECT_THAT(session_->FindTokenObject(CKO_SECRET_KEY, "site"), Fails(Code::kNotFound));
}

TEST_P(SessionTest, AmbiguousLabelIsRefused) {
  for (int i = 0; i < 2; ++i) {
    auto key = GenerateWrappingKey(*session_, {.token = true, .label = "twice"});
    ASSERT_THAT(key, IsOk());
    key->Release();
  }
  EXPECT_THAT(session_->FindTokenObject(CKO_SECRET_KEY, "twice"), Fails(Code::kFailedPrecondition));
}

TEST_P(SessionTest, FindStopsAtItsLimit) {
  std::vector<ObjectHandle> keys;
  for (int i = 0; i < 70; ++i) {
    auto key = GenerateWrappingKey(*session_, {.label = "many"});
    ASSERT_THAT(key, IsOk());
    keys.push_back(std::move(*key));
  }
  Template match;
  match.Text(CKA_LABEL, "many");
  const auto all = session_->Find(match);
  ASSERT_THAT(all, IsOk());
  EXPECT_EQ(std::set<Object>(all->begin(), all->end()).size(), 70U);
  const auto some = session_->Find(match, 65);
  ASSERT_THAT(some, IsOk());
  EXPECT_EQ(some->size(), 65U);
  const auto none = session_->Find(match, 0);
  ASSERT_THAT(none, IsOk());
  EXPECT_TRUE(none->empty());
}

TEST_P(SessionTest, SignsAndVerifies) {
  const auto pair = GenerateSigningPair(*session_, KeyKind::kEcP256, {});
  ASSERT_THAT(pair, IsOk());
  const Mechanism ecdsa(CKM_ECDSA);
  const auto signature = session_->Sign(ecdsa, pair->private_key.get(), kDigest);
  ASSERT_THAT(signature, IsOk());
  EXPECT_EQ(signature->size(), 64U);
  EXPECT_THAT(session_->Verify(ecdsa, pair->public_key.get(), kDigest, *signature), IsOk());
  Bytes wrong = *signature;
  wrong[40] ^= 1U;
  EXPECT_THAT(session_->Verify(ecdsa, pair->public_key.get(), kDigest, wrong),
              Fails(Code::kDataLoss));
  EXPECT_TRUE(session_->ready()) << "a wrong signature costs nothing";
}

TEST_P(SessionTest, SignsWithPss) {
  const auto pair = GenerateSigningPair(*session_, KeyKind::kRsa2048, {});
  ASSERT_THAT(pair, IsOk());
  for (const CK_MECHANISM_TYPE hash : {CKM_SHA256, CKM_SHA384, CKM_SHA512}) {
    const Bytes digest(hash == CKM_SHA256 ? 32 : hash == CKM_SHA384 ? 48 : 64, 0x11);
    const Mechanism pss = Mechanism::RsaPss(hash);
    const auto signature = session_->Sign(pss, pair->private_key.get(), digest);
    ASSERT_THAT(signature, IsOk());
    EXPECT_EQ(signature->size(), 256U);
    EXPECT_THAT(session_->Verify(pss, pair->public_key.get(), digest, *signature), IsOk());
  }
}

TEST_P(SessionTest, MacsWithHmac) {
  const auto key = GenerateMacKey(*session_, {});
  ASSERT_THAT(key, IsOk());
  const Mechanism hmac(CKM_SHA256_HMAC);
  const Bytes data(5000, 0x77);
  const auto mac = session_->Sign(hmac, key->get(), data);
  ASSERT_THAT(mac, IsOk());
  EXPECT_EQ(mac->size(), 32U);
  EXPECT_THAT(session_->VerifyMac(hmac, key->get(), data, *mac), IsOk());
  EXPECT_THAT(session_->VerifyMac(hmac, key->get(), kDigest, *mac),
              Fails(Code::kDataLoss, "CKR_SIGNATURE_INVALID"));
  EXPECT_THAT(session_->VerifyMac(hmac, key->get(), data, BytesView(*mac).first(31)),
              Fails(Code::kDataLoss));
  EXPECT_THAT(session_->VerifyMac(hmac, key->get(), data, {}), Fails(Code::kDataLoss));
  EXPECT_TRUE(session_->ready());
}

TEST_P(SessionTest, PrivateKeysAreSensitive) {
  const auto pair = GenerateSigningPair(*session_, KeyKind::kEcP256, {.extractable = true});
  ASSERT_THAT(pair, IsOk());
  const auto sensitive = session_->GetBool(pair->private_key.get(), CKA_SENSITIVE);
  ASSERT_THAT(sensitive, IsOk());
  EXPECT_TRUE(*sensitive);
  const auto value = session_->GetAttribute(pair->private_key.get(), CKA_VALUE);
  EXPECT_THAT(value, Fails(Code::kPermissionDenied, "CKR_ATTRIBUTE_SENSITIVE"));
  const auto type = session_->GetUlong(pair->private_key.get(), CKA_KEY_TYPE);
  ASSERT_THAT(type, IsOk());
  EXPECT_EQ(*type, CKK_EC);
}

TEST_P(SessionTest, ReadsPublicValues) {
  const auto ec = GenerateSigningPair(*session_, KeyKind::kEcP521, {});
  ASSERT_THAT(ec, IsOk());
  const auto point = ReadPublicValue(*session_, KeyKind::kEcP521, ec->public_key.get());
  ASSERT_THAT(point, IsOk());
  EXPECT_EQ(point->point.size(), 133U);
  EXPECT_EQ(point->point.front(), 0x04);

  const auto rsa = GenerateSigningPair(*session_, KeyKind::kRsa2048, {});
  ASSERT_THAT(rsa, IsOk());
  const auto value = ReadPublicValue(*session_, KeyKind::kRsa2048, rsa->public_key.get());
  ASSERT_THAT(value, IsOk());
  EXPECT_EQ(value->modulus.size(), 256U);
  EXPECT_EQ(value->exponent, (Bytes{0x01, 0x00, 0x01}));
}

TEST_P(SessionTest, BadCallsAreErrorsThatCostNothing) {
  const auto key = GenerateWrappingKey(*session_, {});
  ASSERT_THAT(key, IsOk());
  EXPECT_FALSE(session_->Sign(Mechanism(CKM_ECDSA), Object{999'999}, kDigest).ok());
  EXPECT_FALSE(session_->Sign(Mechanism(CKM_VENDOR_DEFINED + 1), key->get(), kDigest).ok());
  EXPECT_FALSE(session_->Destroy(Object{999'999}).ok());
  EXPECT_FALSE(session_->Wrap(Mechanism(CKM_AES_KEY_WRAP), key->get(), Object{999'999}).ok());
  EXPECT_TRUE(session_->ready());
}

// Of the two, NSS softokn wraps such keys all the same (PKCS#11 v2.40 §4.4 forbids it): a test
// token, not an HSM.
class SoftHsmSessionTest : public SessionTest {};
INSTANTIATE_TEST_SUITE_P(On, SoftHsmSessionTest, testing::Values(test::TokenKind::kSoftHsm),
                         KindName);

TEST_P(SoftHsmSessionTest, UnextractableKeysStayWhereTheyAre) {
  const auto key = GenerateWrappingKey(*session_, {});
  ASSERT_THAT(key, IsOk());
  EXPECT_THAT(session_->Wrap(Mechanism(CKM_AES_KEY_WRAP), key->get(), key->get()),
              Fails(Code::kPermissionDenied, "CKR_KEY_UNEXTRACTABLE"));
}

TEST_P(SessionTest, GivesRandomBytes) {
  Bytes one(32);
  Bytes two(32);
  ASSERT_THAT(session_->Random(one), IsOk());
  ASSERT_THAT(session_->Random(two), IsOk());
  EXPECT_NE(one, two);
}

TEST_P(SessionTest, ACopyInTheMakingIsNotTakenForASecondTokenObject) {
  auto key = GenerateMacKey(*session_, {.token = true, .label = "mac"});
  ASSERT_THAT(key, IsOk());
  key->Release();
  std::atomic<bool> done = false;
  std::thread copying([&] {
    while (!done) {
      const auto session = connection_->NewSession();
      EXPECT_THAT(session->Ensure(), IsOk());
      EXPECT_THAT(session->SessionCopy(CKO_SECRET_KEY, "mac"), IsOk());
    }
  });
  for (int i = 0; i < 1000; ++i) {
    session_->ForgetTokenObjects();
    EXPECT_THAT(session_->FindTokenObject(CKO_SECRET_KEY, "mac"), IsOk());
  }
  done = true;
  copying.join();
}

TEST_P(SessionTest, PoolLendsAFixedNumberOfSessions) {
  using Clock = std::chrono::steady_clock;
  SessionPool pool(*connection_, 2);
  const auto one = pool.Acquire(Clock::now());
  ASSERT_THAT(one, IsOk());
  {
    const auto two = pool.Acquire(Clock::now());
    ASSERT_THAT(two, IsOk());
    EXPECT_TRUE((*two)->ready());
    EXPECT_THAT(pool.Acquire(Clock::now() + std::chrono::milliseconds(5)),
                Fails(Code::kResourceExhausted));
  }
  EXPECT_THAT(pool.Acquire(Clock::now()), IsOk());
}

}  // namespace
}  // namespace twinseal::hsm
