// Reads records by the offsets of docs/blob-format.md, with nothing of the codec's: format 1 must
// stay readable for ever, whatever becomes of the code.
#include <gtest/gtest.h>

#include "tests/unit/firmware/core/vault/blobs.h"

namespace twinseal::core {
namespace {

std::uint64_t At(const Bytes& bytes, std::size_t offset, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < size; ++i) number = number * 256 + bytes.at(offset + i);
  return number;
}

Bytes Slice(const Bytes& bytes, std::size_t offset, std::size_t size) {
  return {bytes.begin() + static_cast<std::ptrdiff_t>(offset),
          bytes.begin() + static_cast<std::ptrdiff_t>(offset + size)};
}

TEST(BlobFormat, AVaultBlobReadsByItsOffsets) {
  const Blob blob = VaultBlob(KeyId::Random(), 0x0102030405060708);
  const Bytes bytes = EncodeBlob(blob);

  EXPECT_EQ(Slice(bytes, 0, 4), ToBytes("TSLB"));
  EXPECT_EQ(At(bytes, 4, 1), 1U);  // Format.
  EXPECT_EQ(At(bytes, 5, 1), 2U);  // Vault blob.
  EXPECT_EQ(At(bytes, 6, 1), 1U);  // The private key by AES_KEY_WRAP_PAD.
  EXPECT_EQ(At(bytes, 7, 1), 2U);  // The KEK by AES_CBC_PAD.
  EXPECT_EQ(Slice(bytes, 8, 16),
            Bytes(blob.header.id.bytes().begin(), blob.header.id.bytes().end()));
  EXPECT_EQ(At(bytes, 24, 4), 3U);  // Version.
  EXPECT_EQ(At(bytes, 28, 1), 1U);  // ec-p256.
  EXPECT_EQ(At(bytes, 29, 1), 2U);  // Disabled.
  EXPECT_EQ(At(bytes, 30, 1), 1U);  // Vault.
  EXPECT_EQ(At(bytes, 31, 1), 0U);
  EXPECT_EQ(At(bytes, 32, 8), 7U);  // Revision.
  EXPECT_EQ(At(bytes, 40, 8), 0x0102030405060708U);

  std::size_t at = 48;
  const auto field = [&bytes, &at] {
    const auto size = static_cast<std::size_t>(At(bytes, at, 4));
    const Bytes value = Slice(bytes, at + 4, size);
    at += 4 + size;
    return value;
  };
  EXPECT_EQ(field(), Bytes(91, 0x30));
  // applications = "billing" (1, string), schemes = [1] (2, packed), the wait of 0 s (6, present).
  EXPECT_EQ(field(), *HexDecode("0a0762696c6c696e671201013000"));
  EXPECT_EQ(field(), Bytes(64, 0x41));
  EXPECT_EQ(field(), Bytes(152, 0x42));
  EXPECT_EQ(Slice(bytes, at, 32), Bytes(32, 0x43));
  EXPECT_EQ(at + 32, bytes.size());
}

TEST(BlobFormat, TheOtherKindsDifferWhereTheTableSays) {
  const Bytes replica = EncodeBlob(ReplicaBlobOf(VaultBlob()));
  EXPECT_EQ(At(replica, 5, 1), 1U);
  EXPECT_EQ(At(replica, 7, 1), 0U);
  EXPECT_EQ(At(replica, 40, 8), 0U);
  EXPECT_EQ(At(replica, 48 + 4 + 91 + 4 + 14, 4), 0U);    // No KEK,
  EXPECT_EQ(At(replica, 48 + 4 + 91 + 4 + 18, 4), 152U);  // but a private key.

  const Bytes reference = EncodeBlob(TokenReferenceOf(VaultBlob()));
  EXPECT_EQ(At(reference, 5, 1), 3U);
  EXPECT_EQ(At(reference, 6, 1), 0U);
  EXPECT_EQ(At(reference, 7, 1), 0U);
  EXPECT_EQ(At(reference, 30, 1), 2U);  // Token.
  EXPECT_EQ(At(reference, 40, 8), 0U);
  EXPECT_EQ(At(reference, 48 + 4 + 91 + 4 + 14, 8), 0U);  // Neither KEK nor private key.
}

}  // namespace
}  // namespace twinseal::core
