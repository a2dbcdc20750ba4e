#include "common/crypto/ecdsa_signature.h"

#include <gtest/gtest.h>

#include "tests/support/results.h"

namespace twinseal::crypto {
namespace {

using test::FailsWith;

TEST(EcdsaSignatures, GoFromOneFormToTheOtherAndBack) {
  for (const std::size_t size : {64, 96, 132}) {
    Bytes raw(size);
    raw.front() = 0x80;  // DER puts a zero before it.
    raw.back() = 1;      // And none before this.
    const Result<Bytes> der = EcdsaDerOf(raw);
    ASSERT_TRUE(der.ok());
    EXPECT_EQ(*EcdsaRawOf(*der, size), raw);
  }
}

TEST(EcdsaSignatures, AreEncodedAsX509WantsThem) {
  const Bytes der = {0x30, 0x07, 0x02, 0x02, 0x00, 0x80, 0x02, 0x01, 0x01};
  EXPECT_EQ(*EcdsaDerOf(Bytes{0x80, 0x01}), der);
}

TEST(EcdsaSignatures, AreTwoNumbersOfOneLength) {
  EXPECT_THAT(EcdsaDerOf(Bytes{}), FailsWith(Code::kInternal, "DER"));
  EXPECT_THAT(EcdsaDerOf(Bytes(65)), FailsWith(Code::kInternal, "DER"));
}

TEST(EcdsaSignatures, AreNoLongerThanTheirKeyMakesThem) {
  const Bytes der = *EcdsaDerOf(Bytes(64, 0xff));
  EXPECT_THAT(EcdsaRawOf(der, 62), FailsWith(Code::kInternal, "not what its key makes"));
  EXPECT_THAT(EcdsaRawOf(BytesView(der).first(20), 64),
              FailsWith(Code::kInternal, "not what its key makes"));
}

}  // namespace
}  // namespace twinseal::crypto
