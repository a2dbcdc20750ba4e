// What is erased is in no file any more.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware/core/vault/vault.h"
#include "tests/support/results.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/firmware/core/vault/blobs.h"

namespace twinseal::core {
namespace {

using test::Succeeds;

// Everything that any file of the vault holds.
std::string AllFiles(const std::filesystem::path& folder) {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path(), std::ios::binary);
    all.append(std::istreambuf_iterator<char>(file), {});
  }
  return all;
}

class VaultEraseTest : public testing::Test {
 protected:
  VaultEraseTest() {
    auto opened = Vault::Open(temp_ / "vault");
    EXPECT_THAT(opened, Succeeds());
    vault_ = std::move(*opened);
    EXPECT_THAT(vault_->Unseal(Secret(Bytes(MarksSeal::kKeySize, 0x6d))), Succeeds());
  }

  // 16 random bytes that stand in nothing else.
  std::string Marker() {
    std::string marker(16, '\0');
    for (char& byte : marker) byte = static_cast<char>(random_());
    return marker;
  }

  // A record of the key with a marker at its beginning, its middle and its end.
  Blob Marked(const KeyId& id, std::size_t size, std::string marker) {
    Blob blob = VaultBlob(id, Number(vault_->AllotGeneration(id)));
    blob.wrapped_key.assign(std::max<std::size_t>(size, 64), 0);
    for (const std::size_t at : {std::size_t{0}, blob.wrapped_key.size() / 2 - 8,
                                 blob.wrapped_key.size() - marker.size()}) {
      std::ranges::copy(marker, blob.wrapped_key.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return blob;
  }

  test::TempFolder temp_;
  std::mt19937 random_{20261121};
  std::unique_ptr<Vault> vault_;
};

TEST_F(VaultEraseTest, NothingOfAnyGenerationIsLeft) {
  // Sizes as real records have them, and larger ones that span pages; policies change sizes.
  constexpr std::array<std::size_t, 6> kSizes = {138, 152, 360, 1230, 2400, 6000};
  constexpr std::size_t kKeys = 90;
  struct Key {
    KeyId id = KeyId::Random();
    std::uint64_t revision = 7;
    std::size_t size = 152;
    std::vector<std::string> markers;
  };
  std::vector<Key> keys(kKeys);
  const auto store = [&](Key& key, bool installed) {
    key.markers.push_back(Marker());
    Blob blob = Marked(key.id, key.size, key.markers.back());
    blob.header.revision = KeyRevision{key.revision};
    const Bytes bytes = EncodeBlob(blob);
    const auto outcome =
        installed ? vault_->StoreInstalled(blob, bytes) : vault_->StoreActivated(blob, bytes);
    ASSERT_THAT(outcome, Succeeds());
    ASSERT_EQ(*outcome, Vault::Outcome::kStored);
  };
  for (Key& key : keys) {
    key.size = kSizes.at(random_() % kSizes.size());
    store(key, true);
  }
  for (int i = 0; i < 900; ++i) {
    Key& key = keys.at(random_() % kKeys);
    const bool change = i % 8 == 0;
    if (change) {
      ++key.revision;
      key.size = kSizes.at(random_() % kSizes.size());
    }
    store(key, change);
  }
  std::shuffle(keys.begin(), keys.end(), random_);
  const std::size_t erased = kKeys / 3;
  for (std::size_t i = 0; i < erased; ++i) {
    ASSERT_THAT(vault_->Erase(keys[i].id), Succeeds());
  }
  const std::string files = AllFiles(temp_ / "vault");
  for (std::size_t i = 0; i < erased; ++i) {
    for (const std::string& marker : keys[i].markers) {
      EXPECT_EQ(files.find(marker), std::string::npos);
    }
  }
  // The search finds what is there, and of the others nothing but what is current.
  for (std::size_t i = erased; i < kKeys; ++i) {
    EXPECT_NE(files.find(keys[i].markers.back()), std::string::npos);
    for (std::size_t m = 0; m + 1 < keys[i].markers.size(); ++m) {
      EXPECT_EQ(files.find(keys[i].markers[m]), std::string::npos);
    }
  }
}

TEST_F(VaultEraseTest, ASlotIsUsedAgain) {
  const KeyId first = KeyId::Random();
  ASSERT_THAT(vault_->StoreInstalled(Marked(first, 5000, Marker()),
                                     EncodeBlob(Marked(first, 5000, Marker()))),
              Succeeds());
  ASSERT_THAT(vault_->Erase(first), Succeeds());
  const auto before = AllFiles(temp_ / "vault").size();
  for (int i = 0; i < 20; ++i) {
    const KeyId next = KeyId::Random();
    const Blob blob = Marked(next, 5000, Marker());
    ASSERT_THAT(vault_->StoreInstalled(blob, EncodeBlob(blob)), Succeeds());
    ASSERT_THAT(vault_->Erase(next), Succeeds());
  }
  EXPECT_LE(AllFiles(temp_ / "vault").size(), before + 4096);
}

}  // namespace
}  // namespace twinseal::core
