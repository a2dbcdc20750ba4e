// The vault's folder as a whole.
#include "firmware/core/vault/vault_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "firmware/core/vault/vault.h"
#include "tests/support/results.h"
#include "tests/support/temp_folder.h"
#include "tests/unit/firmware/core/vault/blobs.h"

namespace twinseal::core {
namespace {

using test::FailsWith;
using test::Succeeds;

class VaultFilesTest : public testing::Test {
 protected:
  std::filesystem::path Folder() const { return temp_ / "vault"; }

  // A vault with one record.
  void FillVault() {
    auto vault = Vault::Open(Folder());
    ASSERT_THAT(vault, Succeeds());
    ASSERT_THAT((*vault)->Unseal(Secret(Bytes(MarksSeal::kKeySize, 0x6d))), Succeeds());
    const Blob blob = VaultBlob();
    ASSERT_THAT((*vault)->StoreInstalled(blob, Encode(blob)), Succeeds());
  }
  static Bytes Encode(const Blob& blob) {
    Bytes bytes = EncodeBound(blob);
    bytes.insert(bytes.end(), blob.binding.begin(), blob.binding.end());
    return bytes;
  }

  static std::string Read(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  static void Write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }

  // Makes the folder, and holds the lock while it empties the vault.
  Status Erase() {
    TWINSEAL_ASSIGN_OR_RETURN(const UniqueFd lock, LockVault(Folder()));
    return EraseVaultFiles(Folder());
  }

  test::TempFolder temp_;
};

TEST_F(VaultFilesTest, AreOverwrittenAndRemoved) {
  FillVault();
  // Another name for the same file shows what became of its bytes.
  const std::filesystem::path other_name = temp_ / "other-name";
  std::filesystem::create_hard_link(VaultFile(Folder()), other_name);
  for (const std::string_view suffix : {"-wal", "-shm", "-journal"}) {
    Write(VaultFile(Folder()) += suffix, "left behind by a power cut");
  }
  ASSERT_THAT(Erase(), Succeeds());
  const std::string bytes = Read(other_name);
  EXPECT_GT(bytes.size(), 4096U);
  EXPECT_EQ(std::ranges::count(bytes, '\0'), static_cast<std::ptrdiff_t>(bytes.size()));
  for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
    EXPECT_EQ(entry.path().filename(), "vault.lock");
  }
  const auto vault = Vault::Open(Folder());
  ASSERT_THAT(vault, Succeeds());
  EXPECT_EQ((*vault)->size(), 0U);
  EXPECT_EQ((*vault)->GenerationSum(), 0U);
}

TEST_F(VaultFilesTest, NeedNotBeAVault) {
  ASSERT_THAT(Erase(), Succeeds());
  Write(VaultFile(Folder()), "damaged beyond recognition");
  EXPECT_FALSE(Vault::Open(Folder()).ok());
  ASSERT_THAT(Erase(), Succeeds());
  EXPECT_THAT(Vault::Open(Folder()), Succeeds());
}

TEST_F(VaultFilesTest, ALinkToAnotherFileIsNotFollowed) {
  ASSERT_THAT(Erase(), Succeeds());
  Write(temp_ / "precious", "of somebody else");
  std::filesystem::create_symlink(temp_ / "precious", VaultFile(Folder()));
  EXPECT_THAT(Erase(), FailsWith(Code::kUnavailable, "vault.db"));
  EXPECT_EQ(Read(temp_ / "precious"), "of somebody else");
}

TEST_F(VaultFilesTest, AreLockedByOne) {
  const auto vault = Vault::Open(Folder());
  ASSERT_THAT(vault, Succeeds());
  EXPECT_THAT(LockVault(Folder()), FailsWith(Code::kFailedPrecondition, "another twinseal-core"));
}

}  // namespace
}  // namespace twinseal::core
