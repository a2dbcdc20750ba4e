#include <filesystem>

#include <sys/stat.h>

#include "common/crypto/x509.h"
#include "tests/unit/agent/cli/cli_fixture.h"
#include "twinseal/v1/appliance.pb.h"

namespace twinseal::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ClientIssue : public CliTest {
 protected:
  ClientIssue() {
    appliances.On<v1::IssueClientCertificateRequest, v1::IssueClientCertificateResponse>(
        "ApplianceService/IssueClientCertificate",
        [this](const v1::IssueClientCertificateRequest&)
            -> Result<v1::IssueClientCertificateResponse> {
          v1::IssueClientCertificateResponse response;
          response.set_certificate_pem("the certificate\n");
          response.set_ca_pem(ca);
          return response;
        });
  }

  std::string ca = "the CA\n";
};

TEST_F(ClientIssue, MakesTheKeyHereAndWritesPrivateFiles) {
  const Outcome outcome = Twinseal({"client", "issue", "builder", "--role", "application",
                                    "--out-dir", Path("new"), "--days", "30"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, "Issued a certificate to application builder.\n  TWINSEAL_KEY=" +
                             Path("new/builder.key") +
                             "\n  TWINSEAL_CERTIFICATE=" + Path("new/builder.pem") +
                             "\n  TWINSEAL_CA=" + Path("new/ca.pem") + "\n");
  const auto request =
      appliances.Last<v1::IssueClientCertificateRequest>("ApplianceService/IssueClientCertificate");
  EXPECT_EQ(request.role(), v1::APPLICATION);
  EXPECT_EQ(request.name(), "builder");
  EXPECT_EQ(request.days(), 30U);
  const auto csr = crypto::CertificateRequest::FromPem(request.csr_pem());
  ASSERT_TRUE(csr.ok());
  EXPECT_EQ(csr->subject(), "CN=builder");

  for (const char* name : {"new/builder.key", "new/builder.pem", "new/ca.pem"}) {
    struct stat status {};
    ASSERT_EQ(stat(Path(name).c_str(), &status), 0) << name;
    EXPECT_EQ(status.st_mode & 07777U, 0600U) << name;
  }
  const std::string key_pem = Content("new/builder.key");
  const auto key = crypto::SoftwareKey::FromPem(Secret(AsBytes(key_pem)));
  ASSERT_TRUE(key.ok());
  EXPECT_EQ(key->public_key().der(), csr->public_key().der());
  EXPECT_EQ(Content("new/builder.pem"), "the certificate\n");
  EXPECT_EQ(Content("new/ca.pem"), "the CA\n");
  EXPECT_THAT(outcome.out + outcome.err, ::testing::Not(HasSubstr("PRIVATE")));
}

TEST_F(ClientIssue, WhatIsThereIsNeverOverwritten) {
  File("builder.key", "an old key");
  const Outcome outcome =
      Twinseal({"client", "issue", "builder", "--role", "application", "--out-dir", Path("")});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(
      outcome.err,
      ::testing::EndsWith("builder.key exists already and is left as it is; move it away or choose "
                          "another folder\n"));
  EXPECT_EQ(Content("builder.key"), "an old key");
  EXPECT_TRUE(appliances.calls().empty());
  EXPECT_THAT(FilesInFolder(), ElementsAre("builder.key"));
}

TEST_F(ClientIssue, ALinkIsNotFollowed) {
  std::filesystem::create_symlink(Path("elsewhere"), Path("builder.key"));
  EXPECT_EQ(
      Twinseal({"client", "issue", "builder", "--role", "auditor", "--out-dir", Path("")}).status,
      ExitStatus::kFailed);
  EXPECT_THAT(FilesInFolder(), ElementsAre("builder.key"));
}

TEST_F(ClientIssue, ARefusalLeavesNothingBehind) {
  appliances.Break(0, Error(Code::kPermissionDenied, "only operators; ask one"));
  EXPECT_EQ(Twinseal({"client", "issue", "builder", "--role", "application", "--out-dir", Path("")})
                .status,
            ExitStatus::kFailed);
  EXPECT_THAT(FilesInFolder(), ElementsAre());
}

TEST_F(ClientIssue, ACsrIsCertifiedAsItIs) {
  const Outcome outcome =
      Twinseal({"client", "issue", "builder", "--role", "operator", "--out-dir", Path(""), "--csr",
                File("request.pem", "a request"), "--output", "json"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "{\n  \"name\": \"builder\",\n  \"role\": \"operator\",\n  \"keyFile\": null,\n  "
            "\"certificateFile\": \"" +
                Path("") + "builder.pem\",\n  \"caFile\": \"" + Path("") + "ca.pem\"\n}\n");
  EXPECT_EQ(
      appliances.Last<v1::IssueClientCertificateRequest>("ApplianceService/IssueClientCertificate")
          .csr_pem(),
      "a request");
  EXPECT_THAT(FilesInFolder(), ElementsAre("builder.pem", "ca.pem", "request.pem"));
}

TEST_F(ClientIssue, TheSameCaMayBeThereAnotherMayNot) {
  File("ca.pem", ca);
  EXPECT_EQ(Twinseal({"client", "issue", "one", "--role", "auditor", "--out-dir", Path("")}).status,
            ExitStatus::kDone);
  ca = "another CA\n";
  const Outcome outcome =
      Twinseal({"client", "issue", "two", "--role", "auditor", "--out-dir", Path("")});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(
      outcome.err,
      HasSubstr(
          "ca.pem holds another CA's certificate and is left as it is; choose another folder\n"));
  EXPECT_THAT(FilesInFolder(), ElementsAre("ca.pem", "one.key", "one.pem"));
}

TEST_F(ClientIssue, NamesThatAreNoNamesAreWrongUsage) {
  for (const std::string& name : {std::string("../evil"), std::string("a/b"), std::string("UPPER"),
                                  std::string(""), std::string(65, 'a'), std::string("\xff")}) {
    EXPECT_EQ(
        Twinseal({"client", "issue", name, "--role", "auditor", "--out-dir", Path("")}).status,
        ExitStatus::kWrongUsage);
  }
  EXPECT_EQ(Twinseal({"client", "issue", "builder"}).status, ExitStatus::kWrongUsage);
  EXPECT_EQ(Twinseal({"client", "issue", "builder", "--role", "king"}).err,
            "twinseal: client issue: --role: 'king' is no role; there are operator, auditor, "
            "application, agent; see `twinseal "
            "client issue --help`\n");
  EXPECT_EQ(Twinseal({"client", "issue", "builder", "--role", "auditor", "--days", "3651"}).status,
            ExitStatus::kWrongUsage);
  EXPECT_TRUE(appliances.calls().empty());
}

}  // namespace
}  // namespace twinseal::cli
