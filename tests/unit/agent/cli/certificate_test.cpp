#include "tests/support/certificates.h"
#include "tests/unit/agent/cli/cli_fixture.h"
#include "twinseal/v1/certificates.pb.h"

namespace twinseal::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr const char* kImport = "CertificateService/ImportCertificate";
constexpr const char* kList = "CertificateService/ListCertificates";
constexpr const char* kRemove = "CertificateService/RemoveCertificate";

class CertificateCommands : public CliTest {
 protected:
  CertificateCommands() {
    appliances.On<v1::ImportCertificateRequest, v1::Certificate>(
        kImport, [this](const v1::ImportCertificateRequest&) { return AsStored("www", leaf); });
    // Page by page, one certificate each.
    appliances.On<v1::ListCertificatesRequest, v1::ListCertificatesResponse>(
        kList, [this](const v1::ListCertificatesRequest& request) {
          v1::ListCertificatesResponse page;
          const std::size_t at = request.page_token().size();
          if (at < stored.size()) *page.add_certificates() = stored[at];
          if (at + 1 < stored.size()) page.set_next_page_token(request.page_token() + "x");
          return page;
        });
    appliances.On<v1::RemoveCertificateRequest, v1::Certificate>(
        kRemove, [this](const v1::RemoveCertificateRequest&) { return AsStored("www", leaf); });
  }

  v1::Certificate AsStored(const std::string& key, const crypto::Certificate& certificate) const {
    v1::Certificate one;
    one.set_certificate_id(certificate.Fingerprint());
    one.set_key_id("00112233445566778899aabbccddeeff");
    one.set_key_name(key);
    one.set_key_version(2);
    one.set_certificate_der(ToString(certificate.der()));
    one.add_issuers_der(ToString(ca.certificate().der()));
    one.set_imported_unix_ms(1'800'000'000'000);
    return one;
  }

  const test::TestCa ca{"Corp Root"};
  const crypto::Certificate leaf = ca.Server().certificate;
  const crypto::Certificate other = ca.Server().certificate;
  std::vector<v1::Certificate> stored = {AsStored("www", leaf), AsStored("mail", other)};
  const std::string shown = leaf.Fingerprint().substr(0, 16);
};

TEST_F(CertificateCommands, ImportsPemAndDer) {
  const Outcome outcome =
      Twinseal({"certificate", "import", "--key", "www", "--in", File("www.pem", leaf.Pem()),
                "--in", File("ca.der", ToString(ca.certificate().der()))});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, "Imported certificate " + shown +
                             " for version 2 of key www, with 1 of its issuers.\n");
  const auto request = appliances.Last<v1::ImportCertificateRequest>(kImport);
  EXPECT_EQ(request.key(), "www");
  EXPECT_FALSE(request.request_id().empty());
  ASSERT_EQ(request.certificates_der_size(), 2);
  EXPECT_EQ(request.certificates_der(0), AsText(leaf.der()));
  EXPECT_EQ(request.certificates_der(1), AsText(ca.certificate().der()));

  EXPECT_EQ(Twinseal({"certificate", "import", "--key", "www", "--in",
                      File("chain.pem", leaf.Pem() + ca.certificate().Pem())})
                .status,
            ExitStatus::kDone);
  EXPECT_EQ(appliances.Last<v1::ImportCertificateRequest>(kImport).certificates_der_size(), 2);
}

TEST_F(CertificateCommands, RefusesAFileWithoutCertificates) {
  for (const std::string& content : {std::string(), std::string("text"), std::string("\x30\x03")}) {
    const Outcome outcome =
        Twinseal({"certificate", "import", "--key", "www", "--in", File("www.pem", content)});
    EXPECT_EQ(outcome.status, ExitStatus::kFailed);
    EXPECT_THAT(outcome.err, EndsWith("www.pem holds no certificate in PEM or DER\n"));
  }
  EXPECT_TRUE(appliances.calls().empty());
}

TEST_F(CertificateCommands, ListsThoseOfAllKeysPageByPage) {
  const Outcome outcome = Twinseal({"certificate", "list"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("KEY   VERSION  ID                SUBJECT       ISSUER"));
  EXPECT_THAT(outcome.out, HasSubstr("www   2        " + shown + "  CN=appliance  CN=Corp Root"));
  EXPECT_LT(outcome.out.find("mail  2        "), outcome.out.find("www   2 ")) << "by name";

  const Outcome json = Twinseal({"certificate", "list", "--key", "www", "--output", "json"});
  EXPECT_EQ(json.status, ExitStatus::kDone);
  EXPECT_EQ(appliances.Last<v1::ListCertificatesRequest>(kList).key(), "www");
  EXPECT_THAT(json.out, HasSubstr("\"certificateId\": \"" + leaf.Fingerprint() + "\""));
  EXPECT_THAT(json.out, HasSubstr("\"subject\": \"CN=appliance\""));
  EXPECT_THAT(json.out, HasSubstr("\"serial\": \"" + leaf.serial() + "\""));
  EXPECT_THAT(json.out, HasSubstr("\"notAfterUnixMs\": \""));
}

TEST_F(CertificateCommands, ExportsTheChainOrTheCertificateAlone) {
  const Outcome chain = Twinseal({"certificate", "export", "--key", "www"});
  EXPECT_EQ(chain.out, leaf.Pem() + ca.certificate().Pem());
  const Outcome alone = Twinseal({"certificate", "export", "--key", "www", "--alone", "--id",
                                  other.Fingerprint().substr(0, 8), "--out", Path("own.pem")});
  EXPECT_EQ(alone.status, ExitStatus::kDone) << alone.err;
  EXPECT_EQ(alone.out, "");
  EXPECT_EQ(Content("own.pem"), other.Pem());
  stored.clear();
  const Outcome none = Twinseal({"certificate", "export", "--key", "www"});
  EXPECT_EQ(none.status, ExitStatus::kFailed);
  EXPECT_THAT(none.err, HasSubstr("the key has no certificate yet"));
}

TEST_F(CertificateCommands, RemovesByTheFirstDigitsOfAnId) {
  const Outcome outcome = Twinseal({"certificate", "remove", "--key", "www", "--id", shown});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, "Removed certificate " + shown + " of key www.\n");
  EXPECT_EQ(appliances.Last<v1::RemoveCertificateRequest>(kRemove).certificate_id(),
            leaf.Fingerprint());
  // The whole id is not looked up.
  stored.clear();
  EXPECT_EQ(Twinseal({"certificate", "remove", "--key", "www", "--id", leaf.Fingerprint()}).status,
            ExitStatus::kDone);
  EXPECT_THAT(Twinseal({"certificate", "remove", "--key", "www", "--id", shown}).err,
              HasSubstr("the key has no such certificate"));
  stored = {AsStored("www", leaf), AsStored("www", leaf)};
  EXPECT_THAT(Twinseal({"certificate", "remove", "--key", "www", "--id", shown}).err,
              HasSubstr("2 certificates of the key have ids that begin so"));
  EXPECT_THAT(Twinseal({"certificate", "remove", "--key", "www", "--id", shown, "--request-id",
                        "request-1"})
                  .err,
              HasSubstr("all 64 digits are needed"));
  for (const char* id : {"abc", "no hexadecimal", ""}) {
    EXPECT_EQ(Twinseal({"certificate", "remove", "--key", "www", "--id", id}).status,
              ExitStatus::kWrongUsage);
  }
}

}  // namespace
}  // namespace twinseal::cli
