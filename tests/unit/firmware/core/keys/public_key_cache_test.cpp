#include "firmware/core/keys/public_key_cache.h"

#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "tests/support/results.h"

namespace twinseal::core {
namespace {

using test::FailsWith;
using test::Succeeds;

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

Bytes DerOf(EVP_PKEY* made) {
  const std::unique_ptr<EVP_PKEY, FreeKey> key(made);
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(key.get(), &der);
  Bytes bytes(der, der + size);
  OPENSSL_free(der);
  return bytes;
}

Bytes EcKey() { return DerOf(EVP_EC_gen("P-256")); }

TEST(PublicKeyCache, ParsesOnceAndThrowsOutTheOldest) {
  PublicKeyCache cache(2);
  const KeyId a = KeyId::Random();
  const KeyId b = KeyId::Random();
  const KeyId c = KeyId::Random();
  const Bytes der = EcKey();
  const auto first = cache.Get(a, KeyVersion{1}, v1::EC_P256, der);
  ASSERT_THAT(first, Succeeds());
  EXPECT_EQ((*first)->key.der(), der);
  ASSERT_THAT(cache.Get(b, KeyVersion{1}, v1::EC_P256, der), Succeeds());
  EXPECT_EQ(*cache.Get(a, KeyVersion{1}, v1::EC_P256, der), *first);
  ASSERT_THAT(cache.Get(c, KeyVersion{1}, v1::EC_P256, der), Succeeds());
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(*cache.Get(a, KeyVersion{1}, v1::EC_P256, der), *first);
}

TEST(PublicKeyCache, AnotherKeyUnderTheSameIdIsParsedAnew) {
  PublicKeyCache cache;
  const KeyId id = KeyId::Random();
  const Bytes old = EcKey();
  const Bytes rotated = EcKey();
  ASSERT_THAT(cache.Get(id, KeyVersion{1}, v1::EC_P256, old), Succeeds());
  EXPECT_EQ((*cache.Get(id, KeyVersion{2}, v1::EC_P256, rotated))->key.der(), rotated);
  EXPECT_EQ((*cache.Get(id, KeyVersion{2}, v1::EC_P256, old))->key.der(), old);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(PublicKeyCache, KnowsThePublicValue) {
  PublicKeyCache cache;
  const auto ec = cache.Get(KeyId::Random(), KeyVersion{1}, v1::EC_P256, EcKey());
  ASSERT_THAT(ec, Succeeds());
  EXPECT_EQ((*ec)->public_value.size(), 65U);
  EXPECT_EQ((*ec)->public_value.front(), 4U);
  const Bytes der = DerOf(EVP_RSA_gen(2048));
  const auto rsa = cache.Get(KeyId::Random(), KeyVersion{1}, v1::RSA_2048, der);
  ASSERT_THAT(rsa, Succeeds());
  EXPECT_EQ((*rsa)->public_value.size(), 256U);
  EXPECT_GE((*rsa)->public_value.front(), 0x80U);  // The modulus has all its bits.
}

TEST(PublicKeyCache, RefusesWhatIsNoSuchKey) {
  PublicKeyCache cache;
  EXPECT_THAT(cache.Get(KeyId::Random(), KeyVersion{1}, v1::EC_P384, EcKey()),
              FailsWith(Code::kDataLoss, "ec-p384"));
  EXPECT_THAT(cache.Get(KeyId::Random(), KeyVersion{1}, v1::EC_P256, Bytes(91, 0x30)),
              FailsWith(Code::kDataLoss, "cannot be read"));
  EXPECT_EQ(cache.size(), 0U);
}

}  // namespace
}  // namespace twinseal::core
