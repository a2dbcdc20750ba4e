#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/unique_fd.h"
#include "common/crypto/digest.h"
#include "common/crypto/software_key.h"
#include "tests/unit/agent/cli/cli_fixture.h"
#include "tests/unit/agent/cli/software_signer.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Appliances that sign with keys in this process.
class SignVerify : public CliTest {
 protected:
  SignVerify() {
    AddVersion();
    appliances.On<v1::GetKeyRequest, v1::Key>(
        "KeyService/GetKey", [this](const v1::GetKeyRequest&) -> Result<v1::Key> { return key; });
    appliances.On<v1::SignRequest, v1::SignResponse>(
        "SigningService/Sign", [this](const v1::SignRequest& request) -> Result<v1::SignResponse> {
          v1::SignResponse response;
          response.set_signature(signers.back().Sign(request.digest()));
          response.set_key_id(key.key_id());
          response.set_version(key.current_version());
          response.set_scheme(request.scheme());
          return response;
        });
    appliances.On<v1::SignBatchRequest, v1::SignBatchResponse>(
        "SigningService/SignBatch",
        [this](const v1::SignBatchRequest& request) -> Result<v1::SignBatchResponse> {
          v1::SignBatchResponse response;
          for (const std::string& digest : request.digests())
            response.add_signatures(signers.back().Sign(digest));
          response.set_key_id(key.key_id());
          response.set_version(key.current_version());
          response.set_scheme(request.scheme());
          return response;
        });
  }

  void AddVersion() {
    signers.emplace_back();
    if (signers.size() == 1) key.clear_versions();
    v1::KeyVersionInfo& version = *key.add_versions();
    version.set_version(static_cast<std::uint32_t>(signers.size()));
    version.set_public_key_der(ToString(signers.back().public_key().der()));
    key.set_current_version(version.version());
  }

  std::vector<SoftwareSigner> signers;
  v1::Key key = ReleaseKey();
};

TEST_F(SignVerify, SignsAFileAndVerifiesIt) {
  const std::string file = File("release.tar", "the release");
  const Outcome signed_one =
      Twinseal({"sign", "--key", "release", "--in", file, "--out", Path("release.sig")});
  EXPECT_EQ(signed_one.status, ExitStatus::kDone) << signed_one.err;
  EXPECT_EQ(signed_one.out, "");
  EXPECT_EQ(signed_one.err, "");
  const auto request = appliances.Last<v1::SignRequest>("SigningService/Sign");
  EXPECT_EQ(request.scheme(), v1::ECDSA_SHA256);
  EXPECT_EQ(request.digest(), ToString(crypto::Sha256(AsBytes("the release"))));

  const Outcome verified =
      Twinseal({"verify", "--key", "release", "--in", file, "--signature", Path("release.sig")});
  EXPECT_EQ(verified.status, ExitStatus::kDone) << verified.err;
  EXPECT_EQ(verified.out,
            "Good: " + file + " was signed by key release, version 1 (ecdsa-sha256).\n");

  File("release.tar", "another release");
  const Outcome refused =
      Twinseal({"verify", "--key", "release", "--in", file, "--signature", Path("release.sig")});
  EXPECT_EQ(refused.status, ExitStatus::kFailed);
  EXPECT_EQ(refused.out, "");
  EXPECT_EQ(refused.err, "twinseal: verifying " + file + " with release: " + Path("release.sig") +
                             " is not its signature by any version of the key; check that file, "
                             "signature and key belong "
                             "together\n");
}

TEST_F(SignVerify, VerifyTriesOlderVersions) {
  const std::string file = File("release.tar", "the release");
  Twinseal({"sign", "--key", "release", "--in", file, "--out", Path("release.sig")});
  AddVersion();
  key.set_state(v1::DISABLED);
  const std::vector<std::string> verify = {"verify", "--key",       "release",          "--in",
                                           file,     "--signature", Path("release.sig")};
  EXPECT_EQ(Twinseal(verify).out,
            "Good: " + file +
                " was signed by key release, version 1 (ecdsa-sha256); the key is disabled now.\n");

  std::vector<std::string> newest = verify;
  newest.insert(newest.end(), {"--version", "2"});
  EXPECT_EQ(Twinseal(newest).status, ExitStatus::kFailed);

  std::vector<std::string> missing = verify;
  missing.insert(missing.end(), {"--version", "3"});
  EXPECT_EQ(
      Twinseal(missing).err,
      "twinseal: verifying " + file +
          " with release: the key has no version 3; `twinseal key show release` shows them\n");

  std::vector<std::string> json = verify;
  json.insert(json.end(), {"--output", "json"});
  EXPECT_EQ(Twinseal(json).out, R"({
  "valid": true,
  "keyId": "00112233445566778899aabbccddeeff",
  "name": "release",
  "state": "disabled",
  "version": 1,
  "scheme": "ecdsa-sha256"
}
)");
}

TEST_F(SignVerify, AWrongSignatureIsFalseInJsonToo) {
  const std::string file = File("release.tar", "the release");
  const Outcome outcome = Twinseal({"verify", "--key", "release", "--in", file, "--signature",
                                    File("release.sig", "not a signature"), "--output", "json"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.out, R"({
  "valid": false,
  "keyId": "00112233445566778899aabbccddeeff",
  "name": "release",
  "state": "enabled"
}
)");
}

TEST_F(SignVerify, TheSignatureGoesToThePipeRaw) {
  const std::string file = File("release.tar", "the release");
  const Outcome outcome = Twinseal({"sign", "--key", "release", "--in", file});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_TRUE(
      signers.back()
          .public_key()
          .Verify(v1::ECDSA_SHA256, crypto::Sha256(AsBytes("the release")), AsBytes(outcome.out))
          .ok());

  out_is_terminal = true;
  const Outcome spoilt = Twinseal({"sign", "--key", "release", "--in", file});
  EXPECT_EQ(spoilt.status, ExitStatus::kFailed);
  EXPECT_EQ(spoilt.out, "");
  EXPECT_EQ(spoilt.err, "twinseal: signing " + file +
                            " with release: a signature is binary and would spoil the terminal; "
                            "give --out FILE or --output "
                            "json\n");
}

TEST_F(SignVerify, ReadsTheStandardInput) {
  const UniqueFd descriptor(open(File("data", "piped").c_str(), O_RDONLY | O_CLOEXEC));
  in = descriptor.get();
  const Outcome outcome = Twinseal({"sign", "--key", "release", "--in", "-", "--output", "json"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(appliances.Last<v1::SignRequest>("SigningService/Sign").digest(),
            ToString(crypto::Sha256(AsBytes("piped"))));
  EXPECT_THAT(outcome.out, HasSubstr("\"file\": \"-\",\n      \"signatureFile\": null,\n"));
  EXPECT_THAT(outcome.out, HasSubstr("\"scheme\": \"ecdsa-sha256\"\n"));
}

TEST_F(SignVerify, SignsManyFilesInOneOperation) {
  const std::string one = File("one", "1");
  const std::string two = File("two", "2");
  const Outcome outcome = Twinseal({"sign", "--key", "release", one, two});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(appliances.Last<v1::SignBatchRequest>("SigningService/SignBatch").digests_size(), 2);
  EXPECT_THAT(FilesInFolder(), ElementsAre("one", "one.sig", "two", "two.sig"));
  EXPECT_EQ(
      Twinseal({"verify", "--key", "release", "--in", two, "--signature", two + ".sig"}).status,
      ExitStatus::kDone);
  EXPECT_EQ(
      Twinseal({"verify", "--key", "release", "--in", one, "--signature", two + ".sig"}).status,
      ExitStatus::kFailed);
}

TEST_F(SignVerify, NoFileIsSignedWhenOneCannotBeRead) {
  const Outcome outcome = Twinseal({"sign", "--key", "release", File("one", "1"), Path("missing")});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err, "twinseal: signing 2 files with release: " + Path("missing") +
                             " cannot be read: No such file or directory\n");
  EXPECT_THAT(FilesInFolder(), ElementsAre("one"));
}

TEST_F(SignVerify, ABatchIsAtMostAsLargeAsTheContractAllows) {
  std::vector<std::string> arguments = {"sign", "--key", "release", "--scheme", "ecdsa-sha256"};
  const std::string file = File("one", "1");
  arguments.insert(arguments.end(), 1025, file);
  EXPECT_EQ(Twinseal(arguments).status, ExitStatus::kDone);
  ASSERT_EQ(appliances.calls().size(), 2U);
  EXPECT_EQ(
      dynamic_cast<const v1::SignBatchRequest&>(*appliances.calls()[0].request).digests_size(),
      1024);
  EXPECT_EQ(
      dynamic_cast<const v1::SignBatchRequest&>(*appliances.calls()[1].request).digests_size(), 1);
}

TEST_F(SignVerify, TheSchemeIsTheUsualOneThePolicysOrTheUsers) {
  const std::string file = File("release.tar", "the release");
  const std::vector<std::string> sign = {"sign", "--key", "release",  "--in",
                                         file,   "--out", Path("sig")};
  key.set_algorithm(v1::RSA_2048);
  Twinseal(sign);
  EXPECT_EQ(appliances.Last<v1::SignRequest>("SigningService/Sign").scheme(), v1::RSA_PKCS1_SHA256);
  key.mutable_policy()->add_schemes(v1::RSA_PSS_SHA512);
  Twinseal(sign);
  EXPECT_EQ(appliances.Last<v1::SignRequest>("SigningService/Sign").scheme(), v1::RSA_PSS_SHA512);
  EXPECT_EQ(appliances.Last<v1::SignRequest>("SigningService/Sign").digest().size(), 64U);

  std::vector<std::string> own = sign;
  own.insert(own.end(), {"--scheme", "rsa-pss-sha384"});
  Twinseal(own);
  EXPECT_EQ(appliances.Last<v1::SignRequest>("SigningService/Sign").scheme(), v1::RSA_PSS_SHA384);
}

TEST_F(SignVerify, TheSchemeIsOneThatEverySiteAllows) {
  const std::vector<std::string> sign = {
      "sign", "--key", "release", "--in", File("release.tar", "the release"), "--out", Path("sig")};
  const auto used = [&] {
    Twinseal(sign);
    return appliances.Last<v1::SignRequest>("SigningService/Sign").scheme();
  };
  key.set_algorithm(v1::RSA_2048);
  v1::SitePolicy& own = *key.mutable_policy()->add_at_sites();
  own.set_site("b");
  own.set_max_signatures_per_activation(2);
  EXPECT_EQ(used(), v1::RSA_PKCS1_SHA256);
  own.mutable_schemes()->add_schemes(v1::RSA_PSS_SHA512);
  EXPECT_EQ(used(), v1::RSA_PSS_SHA512);
  // None is allowed at both.
  key.mutable_policy()->add_schemes(v1::RSA_PSS_SHA384);
  EXPECT_EQ(used(), v1::RSA_PSS_SHA384);
}

TEST_F(SignVerify, Ed25519GetsTheMessageItselfUnlessItIsTooLong) {
  key.set_algorithm(v1::ED25519);
  Twinseal({"sign", "--key", "release", "--in", File("short", "message"), "--out", Path("sig")});
  EXPECT_EQ(appliances.Last<v1::SignRequest>("SigningService/Sign").digest(), "message");

  const Outcome longest =
      Twinseal({"sign", "--key", "release", "--in", File("longest", std::string(65536, 'x')),
                "--out", Path("sig")});
  EXPECT_EQ(longest.status, ExitStatus::kDone) << longest.err;

  const std::string file = File("long", std::string(65537, 'x'));
  const Outcome outcome =
      Twinseal({"sign", "--key", "release", "--in", file, "--out", Path("sig")});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err, "twinseal: signing " + file + " with release: " + file +
                             " is longer than 65536 bytes, the most that ed25519 signs as it signs "
                             "the message itself; sign "
                             "a digest of it, or use a key of another algorithm\n");
}

TEST_F(SignVerify, OddFileNamesWork) {
  for (const std::string& name :
       {std::string("with space"), std::string("-dash"), std::string("new\nline"),
        std::string("\xff\xfe"), std::string("quote'\"$(x)"), std::string(250, 'n')}) {
    const std::string file = File(name, name);
    const Outcome outcome =
        Twinseal({"sign", "--key", "release", "--in", file, "--out", Path("sig")});
    EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
    EXPECT_EQ(appliances.Last<v1::SignRequest>("SigningService/Sign").digest(),
              ToString(crypto::Sha256(AsBytes(name))));
  }
  const std::string odd = Path("no\x1b[2Jsuch");
  EXPECT_THAT(Twinseal({"sign", "--key", "release", "--in", odd}).err,
              HasSubstr("no\\x1b[2Jsuch cannot be read"));
}

TEST_F(SignVerify, WhatCannotBeReadOrWrittenIsNamed) {
  const std::string file = File("data", "x");
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"sign", "--key", "release", "--in", Path("")}, "cannot be read: Is a directory\n"},
      {{"sign", "--key", "release", "--in", file, "--out", Path("no/such/folder")},
       "no/such/folder cannot be written: No such file or directory\n"},
      {{"sign", "--key", "release", "--in", file, "--out", Path("")},
       "cannot be written: Is a directory\n"},
      {{"sign", "--key", "release", "--in", file, "--out", "/dev/full"},
       "/dev/full cannot be written: No space left on device\n"},
      {{"verify", "--key", "release", "--in", file, "--signature", Path("missing")},
       "missing cannot be read: No such file or directory\n"},
      {{"verify", "--key", "release", "--in", file, "--signature", Path("")},
       "cannot be read: Is a directory\n"},
      {{"verify", "--key", "release", "--in", file, "--signature", File("empty", "")},
       "is empty; it is no signature\n"},
      {{"verify", "--key", "release", "--in", file, "--signature",
        File("long", std::string(5000, 's'))},
       "long is longer than 4096 bytes\n"},
  };
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = Twinseal(arguments);
    EXPECT_EQ(outcome.status, ExitStatus::kFailed);
    EXPECT_THAT(outcome.err, ::testing::EndsWith(message));
  }
}

TEST_F(SignVerify, ASignatureFileIsReplacedAsAWholeAndKeepsItsMode) {
  const std::string signature = File("sig", "the old one");
  chmod(signature.c_str(), 0640);
  Twinseal({"sign", "--key", "release", "--in", File("data", "x"), "--out", signature});
  EXPECT_NE(Content("sig"), "the old one");
  EXPECT_EQ(std::filesystem::status(signature).permissions(), std::filesystem::perms{0640});
  EXPECT_THAT(FilesInFolder(), ElementsAre("data", "sig"));
}

TEST_F(SignVerify, TellsATerminalWhatWasDone) {
  err_is_terminal = true;
  const std::string file = File("data", "x");
  const Outcome outcome =
      Twinseal({"sign", "--key", "release", "--in", file, "--out", Path("sig")});
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "Signed " + file + " with release version 1 (ecdsa-sha256): " + Path("sig") + "\n");
}

TEST_F(SignVerify, WrongUsage) {
  EXPECT_EQ(
      Twinseal({"sign", "--key", "release"}).err,
      "twinseal: sign: --in FILE, or files to sign, is required; see `twinseal sign --help`\n");
  EXPECT_EQ(Twinseal({"sign", "--key", "release", "-"}).err,
            "twinseal: sign: FILES: - is for --in alone; see `twinseal sign --help`\n");
  EXPECT_EQ(Twinseal({"sign", "--key", "release", "--in", "a", "b"}).status,
            ExitStatus::kWrongUsage);
  EXPECT_EQ(Twinseal({"sign", "--in", "a"}).status, ExitStatus::kWrongUsage);
  EXPECT_EQ(Twinseal({"verify", "--key", "release", "--in", "a"}).status, ExitStatus::kWrongUsage);
}

TEST_F(SignVerify, ASchemeThatDoesNotFitIsRefusedBeforeReading) {
  const Outcome outcome = Twinseal({"verify", "--key", "release", "--in", Path("missing"),
                                    "--signature", File("s", "s"), "--scheme", "rsa-pss-sha256"});
  EXPECT_EQ(outcome.err, "twinseal: verifying " + Path("missing") +
                             " with release: rsa-pss-sha256 does not fit a key of ec-p256; leave "
                             "--scheme out to try each "
                             "that does\n");
}

}  // namespace
}  // namespace twinseal::cli
