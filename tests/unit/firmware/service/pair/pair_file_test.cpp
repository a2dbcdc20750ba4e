#include "firmware/service/pair/pair_file.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/results.h"
#include "tests/support/temp_folder.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;

class PairFileTest : public ::testing::Test {
 protected:
  std::unique_ptr<PairFile> Open() { return *PairFile::Open(folder_.path()); }
  std::filesystem::path At(const std::string& name) const { return folder_.path() / "pair" / name; }
  void Write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(folder_.path() / "pair");
    std::filesystem::permissions(folder_.path() / "pair", std::filesystem::perms::owner_all);
    std::ofstream(At(name), std::ios::binary) << text;
  }

  test::TempFolder folder_;
};

TEST_F(PairFileTest, AnApplianceWithoutAFileIsAlone) {
  const auto file = Open();
  EXPECT_EQ(file->state().SerializeAsString(), "");
  EXPECT_EQ(file->state().phase(), v1::PairState::ALONE);
  EXPECT_FALSE(file->paired());
  // Nothing is made before there is something to keep.
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "pair"));
}

TEST_F(PairFileTest, KeepsAChangeOverTheEndOfTheProcess) {
  {
    const auto file = Open();
    ASSERT_THAT(file->Change([](v1::PairState& state) {
      state.set_site("a");
      state.set_phase(v1::PairState::OFFERED);
    }),
                Succeeds());
    ASSERT_THAT(file->Change([](v1::PairState& state) { state.set_highest_revision(42); }),
                Succeeds());
    EXPECT_EQ(file->state().highest_revision(), 42U);
  }
  const v1::PairState kept = Open()->state();
  EXPECT_EQ(kept.site(), "a");
  EXPECT_EQ(kept.phase(), v1::PairState::OFFERED);
  EXPECT_EQ(kept.highest_revision(), 42U);
}

TEST_F(PairFileTest, IsItsOwnersAlone) {
  ASSERT_THAT(Open()->Change([](v1::PairState& state) { state.set_site("a"); }), Succeeds());
  struct stat info {};
  ASSERT_EQ(stat((folder_.path() / "pair").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(PairFileTest, AChangeThatCannotBeWrittenChangesNothing) {
  const auto file = Open();
  ASSERT_THAT(file->Change([](v1::PairState& state) { state.set_site("a"); }), Succeeds());
  // A folder in its place cannot be replaced by a file.
  std::filesystem::remove(At("state"));
  std::filesystem::create_directories(At("state") / "in-the-way");
  EXPECT_FALSE(file->Change([](v1::PairState& state) { state.set_site("b"); }).ok());
  EXPECT_EQ(file->state().site(), "a");
}

TEST_F(PairFileTest, SaysByNameThatItIsDamaged) {
  for (const std::string& damage :
       {std::string(), std::string("\xff\xff\xff"), std::string("no protobuf at all")}) {
    Write("state", damage);
    EXPECT_THAT(PairFile::Open(folder_.path()), FailsWith(Code::kDataLoss, At("state").string()))
        << damage;
  }
  std::filesystem::remove(At("state"));
  std::filesystem::create_directory(At("state"));
  EXPECT_THAT(PairFile::Open(folder_.path()), FailsWith(Code::kDataLoss, At("state").string()));
}

TEST_F(PairFileTest, ASiteIsPairedFromTheMomentItsLedgerIsThePairs) {
  const auto file = Open();
  using Phase = v1::PairState::Phase;
  for (int number = v1::PairState::Phase_MIN; number <= v1::PairState::Phase_MAX; ++number) {
    const auto phase = static_cast<Phase>(number);
    ASSERT_THAT(file->Change([&](v1::PairState& state) {
      state.set_site("a");
      state.set_phase(phase);
    }),
                Succeeds());
    const bool paired = phase == v1::PairState::ACCEPTED || phase == v1::PairState::MOVING ||
                        phase == v1::PairState::PAIRED || phase == v1::PairState::LEAVING ||
                        phase == v1::PairState::FENCED;
    EXPECT_EQ(file->paired(), paired) << v1::PairState::Phase_Name(phase);
  }
}

class ConsoleTest : public PairFileTest {
 protected:
  static constexpr const char* kId = "00112233445566778899aabbccddeeff";
  static constexpr const char* kCode = "01234 56789 01234 56789 01234 56789";

  ConsoleTest() {
    v1::PendingPairing pending;
    pending.set_pairing_id(kId);
    pending.set_partner("b");
    pending.set_partner_fingerprint("f1");
    pending.set_own_fingerprint("f2");
    pending.set_code(kCode);
    EXPECT_THAT(file_->Change([](v1::PairState& state) { state.set_site("a"); }), Succeeds());
    EXPECT_THAT(file_->AskConsole(pending), Succeeds());
  }

  std::unique_ptr<PairFile> file_ = Open();
};

TEST_F(ConsoleTest, IsToldWhatToConfirm) {
  std::ostringstream text;
  text << std::ifstream(At("pending.json")).rdbuf();
  EXPECT_EQ(text.str(),
            "{\"pairing_id\":\"00112233445566778899aabbccddeeff\",\"partner\":\"b\","
            "\"partner_fingerprint\":\"f1\",\"own_fingerprint\":\"f2\","
            "\"code\":\"01234 56789 01234 56789 01234 56789\"}");
}

TEST_F(ConsoleTest, HasToConfirmThisVeryCodeOfThisVeryPairing) {
  const auto not_yet = FailsWith(Code::kFailedPrecondition, "site a has not confirmed");
  EXPECT_THAT(file_->CheckConfirmed(kId, kCode), not_yet);
  Write("confirmed", "");
  EXPECT_THAT(file_->CheckConfirmed(kId, kCode), not_yet);
  Write("confirmed", std::string(kId) + "\n");
  EXPECT_THAT(file_->CheckConfirmed(kId, kCode), not_yet);
  Write("confirmed", std::string(kCode) + "\n");
  EXPECT_THAT(file_->CheckConfirmed(kId, kCode), not_yet);
  Write("confirmed", std::string(kId) + "\n01234 56789 01234 56789 01234 56780\n");
  EXPECT_THAT(file_->CheckConfirmed(kId, kCode), not_yet);
  Write("confirmed", "00112233445566778899aabbccddee00\n" + std::string(kCode) + "\n");
  EXPECT_THAT(file_->CheckConfirmed(kId, kCode), not_yet);
  Write("confirmed", std::string(kId) + "\n" + kCode + "\n");
  EXPECT_THAT(file_->CheckConfirmed(kId, kCode), Succeeds());
  EXPECT_THAT(Open()->CheckConfirmed(kId, kCode), Succeeds());
}

TEST_F(ConsoleTest, IsForgotten) {
  Write("confirmed", std::string(kId) + "\n" + kCode + "\n");
  file_->ForgetConsole();
  EXPECT_FALSE(std::filesystem::exists(At("pending.json")));
  EXPECT_FALSE(file_->CheckConfirmed(kId, kCode).ok());
  file_->ForgetConsole();
  EXPECT_EQ(file_->state().site(), "a");
}

}  // namespace
}  // namespace twinseal::service
