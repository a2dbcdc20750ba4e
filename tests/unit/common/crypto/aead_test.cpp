#include "common/crypto/aead.h"

#include <gtest/gtest.h>

namespace twinseal::crypto {
namespace {

Secret Key(std::uint8_t byte) { return Secret(Bytes(Aead::kKeySize, byte)); }

TEST(Aead, OpensWhatItSealed) {
  const Aead aead = *Aead::Create(Key(1));
  for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 100'000U}) {
    const Bytes plaintext(size, 0x5a);
    const auto sealed = aead.Seal(plaintext, AsBytes("/key/1"));
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(sealed->size(), size + Aead::kNonceSize + Aead::kTagSize);
    EXPECT_EQ(*aead.Open(*sealed, AsBytes("/key/1")), plaintext);
  }
}

// NIST's GCM test case 16 of McGrew and Viega's specification, which libraries are tested with.
TEST(Aead, OpensWhatOthersSealed) {
  const Aead aead = *Aead::Create(
      Secret(*HexDecode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")));
  const Bytes sealed = *HexDecode(
      "cafebabefacedbaddecaf888"
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b");
  const auto opened = aead.Open(sealed, *HexDecode("feedfacedeadbeeffeedfacedeadbeefabaddad2"));
  ASSERT_TRUE(opened.ok()) << opened.error().Describe();
  EXPECT_EQ(HexEncode(*opened),
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
}

TEST(Aead, RefusesEveryChange) {
  const Aead aead = *Aead::Create(Key(1));
  const Bytes sealed = *aead.Seal(AsBytes("value"), AsBytes("/key/1"));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    Bytes changed = sealed;
    changed[i] ^= 1U;
    EXPECT_EQ(aead.Open(changed, AsBytes("/key/1")).error().code(), Code::kDataLoss) << i;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(aead.Open(BytesView(sealed).first(size), AsBytes("/key/1")).ok()) << size;
  }
  EXPECT_FALSE(aead.Open(sealed, AsBytes("/key/2")).ok());
  EXPECT_FALSE(Aead::Create(Key(2))->Open(sealed, AsBytes("/key/1")).ok());
}

TEST(Aead, NeverSealsTheSameWayTwice) {
  const Aead aead = *Aead::Create(Key(1));
  EXPECT_NE(*aead.Seal(AsBytes("value"), {}), *aead.Seal(AsBytes("value"), {}));
}

TEST(Aead, WantsAKeyOf256Bits) {
  EXPECT_EQ(Aead::Create(Secret(Bytes(16))).error().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace twinseal::crypto
