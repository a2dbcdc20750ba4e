#include "firmware/service/pair/transcript.h"

#include <array>
#include <regex>
#include <set>

#include <gtest/gtest.h>

#include "tests/support/results.h"
#include "tests/unit/firmware/service/fake_core.h"

namespace twinseal::service {
namespace {

using test::FailsWith;
using test::Succeeds;

AskCore Asking(FakeVault& vault) {
  return [&vault](const v1::CoreRequest& request) -> Result<v1::CoreResponse> {
    v1::CoreResponse response = vault.Handle(request);
    if (!response.has_failure()) return response;
    return Error(*CodeFromName(response.failure().code()), response.failure().message());
  };
}

constexpr std::array kPurposes = {kOffer, kAnswer, kAgreement, kRelease};

v1::PairingTranscript Whole() {
  v1::PairingTranscript transcript;
  transcript.set_pairing_id(RandomId());
  transcript.set_domain_id(RandomId());
  transcript.set_holder_nonce(RandomNonce());
  transcript.mutable_holder()->set_name("a");
  transcript.mutable_joiner()->set_name("b");
  transcript.mutable_witness()->set_name("agent");
  return transcript;
}

TEST(SignedMessageTest, IsOfItsAuthorItsPurposeAndItsBytes) {
  FakeVault vault;
  FakeVault stranger;
  const Result<std::string> identity = IdentityOf(Asking(vault));
  ASSERT_THAT(identity, Succeeds());
  EXPECT_EQ(*identity, vault.identity_der());
  const std::string body("what is \0 agreed", 16);
  for (const std::string_view purpose : kPurposes) {
    const Result<v1::SignedMessage> signed_message = SignAsIdentity(Asking(vault), purpose, body);
    ASSERT_THAT(signed_message, Succeeds());
    EXPECT_EQ(signed_message->body(), body);
    for (const std::string_view other : kPurposes) {
      EXPECT_EQ(CheckSigned(*signed_message, other, *identity).ok(), other == purpose);
    }
    EXPECT_THAT(CheckSigned(*signed_message, purpose, stranger.identity_der()),
                FailsWith(Code::kPermissionDenied, std::string(purpose)));
  }
}

TEST(SignedMessageTest, NoByteOfItCanBeAnother) {
  FakeVault vault;
  const Result<v1::SignedMessage> sound = SignAsIdentity(Asking(vault), kOffer, "the body");
  ASSERT_THAT(sound, Succeeds());
  for (std::size_t at = 0; at < sound->body().size(); ++at) {
    v1::SignedMessage changed = *sound;
    (*changed.mutable_body())[at] = static_cast<char>(changed.body()[at] ^ 1);
    EXPECT_FALSE(CheckSigned(changed, kOffer, vault.identity_der()).ok()) << at;
  }
  v1::SignedMessage longer = *sound;
  longer.mutable_body()->push_back('\0');
  EXPECT_FALSE(CheckSigned(longer, kOffer, vault.identity_der()).ok());
  for (const std::string& signature : {std::string(), std::string(72, 'x')}) {
    v1::SignedMessage unsigned_message = *sound;
    unsigned_message.set_signature(signature);
    EXPECT_THAT(CheckSigned(unsigned_message, kOffer, vault.identity_der()),
                FailsWith(Code::kPermissionDenied, "offer"));
  }
}

// The end of a purpose cannot be moved into the body.
TEST(SignedMessageTest, PurposeAndBodyAreTwoThings) {
  FakeVault vault;
  const Result<v1::SignedMessage> one = SignAsIdentity(Asking(vault), "offer", "x body");
  ASSERT_THAT(one, Succeeds());
  v1::SignedMessage other = *one;
  other.set_body(" body");
  EXPECT_FALSE(CheckSigned(other, "offerx", vault.identity_der()).ok());
}

TEST(SignedMessageTest, NeedsAnIdentityThatCanBeRead) {
  FakeVault vault;
  const Result<v1::SignedMessage> sound = SignAsIdentity(Asking(vault), kOffer, "the body");
  ASSERT_THAT(sound, Succeeds());
  for (const std::string& identity : {std::string(), std::string("no key"),
                                      vault.identity_der().substr(1), vault.identity_der() + "x"}) {
    EXPECT_FALSE(CheckSigned(*sound, kOffer, identity).ok());
  }
}

TEST(SignedMessageTest, IsNotMadeWithoutTheCore) {
  FakeVault vault;
  vault.SetFault([](const v1::CoreRequest&) { return Error(Code::kUnavailable, "it is away"); });
  EXPECT_THAT(SignAsIdentity(Asking(vault), kOffer, "x"), FailsWith(Code::kUnavailable, "away"));
  EXPECT_THAT(IdentityOf(Asking(vault)), FailsWith(Code::kUnavailable, "away"));
}

TEST(TranscriptTest, IsReadWhenItHasWhatItNeeds) {
  const v1::PairingTranscript whole = Whole();
  const Result<v1::PairingTranscript> read = ReadTranscript(whole.SerializeAsString());
  ASSERT_THAT(read, Succeeds());
  EXPECT_EQ(read->SerializeAsString(), whole.SerializeAsString());
}

TEST(TranscriptTest, IsRefusedWhenItLeavesSomethingOutOrIsNone) {
  std::vector<v1::PairingTranscript> wrong(8, Whole());
  wrong[0].clear_pairing_id();
  wrong[1].set_pairing_id(std::string(32, '\n'));  // It is shown at the console.
  wrong[2].set_holder_nonce("short");
  wrong[3].mutable_holder()->set_name("Not A Site");
  wrong[4].mutable_joiner()->clear_name();
  wrong[5].mutable_witness()->set_name("a\x1b[2J");
  wrong[6].set_pairing_id(wrong[6].pairing_id() + "00");
  wrong[7].mutable_witness()->set_name(std::string(10'000, 'a'));
  for (std::size_t i = 0; i < wrong.size(); ++i) {
    EXPECT_THAT(ReadTranscript(wrong[i].SerializeAsString()),
                FailsWith(Code::kInvalidArgument, "transcript"))
        << i;
  }
  for (const std::string& bytes : {std::string(), std::string("\xff\xff"), std::string(9, '\0')}) {
    EXPECT_THAT(ReadTranscript(bytes), FailsWith(Code::kInvalidArgument, "transcript"));
  }
}

TEST(PairingCodeTest, IsThirtyDigitsThatAnyByteChanges) {
  const std::string transcript = Whole().SerializeAsString();
  const std::string code = PairingCode(transcript);
  EXPECT_TRUE(std::regex_match(code, std::regex("([0-9]{5} ){5}[0-9]{5}"))) << code;
  EXPECT_EQ(PairingCode(transcript), code);
  std::set<std::string> codes = {code};
  for (std::size_t at = 0; at < transcript.size(); ++at) {
    std::string changed = transcript;
    changed[at] = static_cast<char>(changed[at] ^ 0x40);
    EXPECT_TRUE(codes.insert(PairingCode(changed)).second) << at;
  }
  EXPECT_TRUE(codes.insert(PairingCode(transcript + '\0')).second);
  EXPECT_TRUE(codes.insert(PairingCode("")).second);
}

// SHA-256("abc") = ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad
// (FIPS 180-4); the first group is 0xba7816bf8f modulo 100,000.
TEST(PairingCodeTest, IsWhatTheDigestSays) { EXPECT_EQ(PairingCode("abc").substr(0, 5), "73807"); }

TEST(FingerprintTest, IsSha256InHexadecimal) {
  EXPECT_EQ(FingerprintOf("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(RandomTest, IsOfItsSizeAndNeverTheSame) {
  EXPECT_EQ(RandomId().size(), 32U);
  EXPECT_EQ(RandomNonce().size(), 32U);
  EXPECT_NE(RandomId(), RandomId());
  EXPECT_NE(RandomNonce(), RandomNonce());
}

}  // namespace
}  // namespace twinseal::service
