#include "common/crypto/x509.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <openssl/pem.h>

#include "common/crypto/digest.h"
#include "common/crypto/issue.h"
#include "common/crypto/openssl_ptr.h"
#include "common/crypto/tls.h"

namespace twinseal::crypto {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// 2026-01-01 00:00 UTC.
constexpr UnixTime kNow{std::chrono::seconds(1'767'225'600)};

SoftwareKey KeyOf(const char* kind, const char* curve_or_null, std::size_t bits) {
  const KeyPtr key(bits != 0 ? EVP_PKEY_Q_keygen(nullptr, nullptr, kind, bits)
                   : curve_or_null != nullptr
                       ? EVP_PKEY_Q_keygen(nullptr, nullptr, kind, curve_or_null)
                       : EVP_PKEY_Q_keygen(nullptr, nullptr, kind));
  const BioPtr bio(BIO_new(BIO_s_mem()));
  EXPECT_EQ(
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr),
      1);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return *SoftwareKey::FromPem(Secret(AsBytes({text, static_cast<std::size_t>(size)})));
}

CertificateBlueprint Blueprint(const PublicKey& key, std::optional<Certificate> issuer,
                               v1::Scheme scheme = v1::ECDSA_SHA256) {
  return {.subject = {{"O", "Example"}, {"CN", "Zoë"}},
          .subject_key = key,
          .issuer = std::move(issuer),
          .scheme = scheme,
          .not_before = kNow - days(1),
          .not_after = kNow + days(30),
          .serial = {},
          .is_ca = false,
          .path_length = std::nullopt,
          .usage = {.digital_signature = true},
          .tls_server = false,
          .tls_client = true,
          .uris = {},
          .dns_names = {},
          .ip_addresses = {}};
}

CertificateBlueprint CaBlueprint(const PublicKey& key, v1::Scheme scheme = v1::ECDSA_SHA256) {
  CertificateBlueprint blueprint = Blueprint(key, std::nullopt, scheme);
  blueprint.subject = {{"CN", "Operator CA"}};
  blueprint.is_ca = true;
  blueprint.path_length = 0;
  blueprint.usage = {.digital_signature = false, .certificate_sign = true, .crl_sign = true};
  blueprint.tls_client = false;
  return blueprint;
}

DigestSigner SignWith(const SoftwareKey& key) {
  return [key](v1::Scheme scheme, BytesView digest) { return key.Sign(scheme, digest); };
}

std::string ErrorOf(const CertificateBlueprint& blueprint) {
  const auto made = UnsignedCertificate::Make(blueprint);
  return made.ok() ? std::string() : made.error().message();
}

class X509Test : public testing::Test {
 protected:
  SoftwareKey ca_key_ = *SoftwareKey::Generate();
  SoftwareKey key_ = *SoftwareKey::Generate();
  Certificate ca_ = *IssueCertificate(CaBlueprint(ca_key_.public_key()), SignWith(ca_key_));
};

TEST_F(X509Test, SaysWhatTheBlueprintSaid) {
  CertificateBlueprint blueprint = Blueprint(key_.public_key(), ca_);
  blueprint.serial = {0x01, 0xab};
  blueprint.uris = {"twinseal:operator/alice"};
  blueprint.dns_names = {"appliance.example"};
  blueprint.ip_addresses = {"192.0.2.1", "2001:db8::1"};
  const auto made = IssueCertificate(blueprint, SignWith(ca_key_));
  ASSERT_TRUE(made.ok()) << made.error().Describe();
  EXPECT_EQ(made->subject(), "CN=Zoë,O=Example");
  EXPECT_EQ(made->issuer(), "CN=Operator CA");
  EXPECT_EQ(made->serial(), "01AB");
  EXPECT_EQ(made->not_before(), kNow - days(1));
  EXPECT_EQ(made->not_after(), kNow + days(30));
  EXPECT_THAT(made->uris(), ElementsAre("twinseal:operator/alice"));
  EXPECT_THAT(made->dns_names(), ElementsAre("appliance.example"));
  EXPECT_THAT(made->ip_addresses(), ElementsAre("192.0.2.1", "2001:db8::1"));
  EXPECT_EQ(made->ReadPublicKey()->der(), key_.public_key().der());
  EXPECT_EQ(made->Fingerprint(), HexEncode(Sha256(made->der())));
}

TEST_F(X509Test, IsAcceptedByOpenssl) {
  const Certificate leaf = *IssueCertificate(Blueprint(key_.public_key(), ca_), SignWith(ca_key_));
  EXPECT_EQ(X509_verify(leaf.native(), X509_get0_pubkey(ca_.native())), 1);
  EXPECT_EQ(X509_verify(ca_.native(), ca_key_.native()), 1);
  EXPECT_EQ(X509_check_issued(ca_.native(), leaf.native()), X509_V_OK);
  // By the extensions as OpenSSL reads them.
  EXPECT_EQ(X509_get_version(leaf.native()), X509_VERSION_3);
  EXPECT_EQ(X509_check_ca(ca_.native()), 1);
  EXPECT_EQ(X509_get_pathlen(ca_.native()), 0);
  EXPECT_EQ(X509_get_key_usage(ca_.native()),
            static_cast<unsigned>(KU_KEY_CERT_SIGN | KU_CRL_SIGN));
  EXPECT_EQ(X509_check_ca(leaf.native()), 0);
  EXPECT_EQ(X509_get_key_usage(leaf.native()), static_cast<unsigned>(KU_DIGITAL_SIGNATURE));
  EXPECT_EQ(X509_get_extended_key_usage(leaf.native()), static_cast<unsigned>(XKU_SSL_CLIENT));
  EXPECT_EQ(ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf.native()),
                                  X509_get0_subject_key_id(ca_.native())),
            0);
}

// Verifiers that are stricter than OpenSSL take no other byte for TRUE (X.690 §11.1).
TEST_F(X509Test, SaysThatItIsACaInDer) {
  // SEQUENCE { OID 2.5.29.19, BOOLEAN TRUE, OCTET STRING { SEQUENCE { BOOLEAN TRUE, INTEGER 0 } } }
  const Bytes constraints = *HexDecode("30120603551d130101ff040830060101ff020100");
  EXPECT_FALSE(std::ranges::search(ca_.der(), constraints).empty());
}

TEST_F(X509Test, VerifiesChainPurposeAndTime) {
  const Certificate leaf = *IssueCertificate(Blueprint(key_.public_key(), ca_), SignWith(ca_key_));
  EXPECT_TRUE(VerifyCertificate(leaf, {ca_}, Purpose::kTlsClient, kNow).ok());
  const auto reason = [&](const std::vector<Certificate>& trusted, Purpose purpose, UnixTime when) {
    const Status status = VerifyCertificate(leaf, trusted, purpose, when);
    EXPECT_FALSE(status.ok());
    EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
    return status.error().message();
  };
  EXPECT_THAT(reason({ca_}, Purpose::kTlsServer, kNow), HasSubstr("purpose"));
  EXPECT_THAT(reason({ca_}, Purpose::kTlsClient, kNow + days(31)), HasSubstr("expired"));
  EXPECT_THAT(reason({ca_}, Purpose::kTlsClient, kNow - days(2)), HasSubstr("not yet valid"));
  const Certificate other = *IssueCertificate(CaBlueprint(key_.public_key()), SignWith(key_));
  EXPECT_THAT(reason({other}, Purpose::kTlsClient, kNow), HasSubstr("issuer"));
  EXPECT_THAT(reason({}, Purpose::kTlsClient, kNow), HasSubstr("issuer"));
}

TEST_F(X509Test, HasRandomSerialsOf159Bits) {
  const Certificate a = *IssueCertificate(Blueprint(key_.public_key(), ca_), SignWith(ca_key_));
  const Certificate b = *IssueCertificate(Blueprint(key_.public_key(), ca_), SignWith(ca_key_));
  EXPECT_EQ(a.serial().size(), 40U);
  EXPECT_NE(a.serial(), b.serial());
  EXPECT_THAT(a.serial(), testing::MatchesRegex("[4-7].*"));
}

TEST_F(X509Test, RefusesASignatureThatIsNotTheIssuers) {
  const auto draft = UnsignedCertificate::Make(Blueprint(key_.public_key(), ca_));
  ASSERT_TRUE(draft.ok());
  const auto wrong = draft->Finish(*key_.Sign(v1::ECDSA_SHA256, draft->digest()));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), Code::kDataLoss);
  EXPECT_FALSE(draft->Finish({}).ok());
  EXPECT_TRUE(draft->Finish(*ca_key_.Sign(v1::ECDSA_SHA256, draft->digest())).ok());
}

TEST_F(X509Test, PassesOnTheSignersError) {
  const auto made = IssueCertificate(Blueprint(key_.public_key(), ca_),
                                     [](v1::Scheme, BytesView) -> Result<Bytes> {
                                       return Error(Code::kUnavailable, "the core is away");
                                     });
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.error().code(), Code::kUnavailable);
}

TEST_F(X509Test, RefusesWhatCannotBeEncoded) {
  const auto with = [&](auto change) {
    CertificateBlueprint blueprint = Blueprint(key_.public_key(), ca_);
    change(blueprint);
    return ErrorOf(blueprint);
  };
  EXPECT_EQ(with([](auto&) {}), "");
  EXPECT_THAT(with([](auto& b) { b.scheme = v1::RSA_PSS_SHA256; }), HasSubstr("scheme"));
  EXPECT_THAT(with([](auto& b) { b.not_after = b.not_before; }), HasSubstr("must end after"));
  EXPECT_THAT(with([](auto& b) { b.serial = {0}; }), HasSubstr("positive"));
  EXPECT_THAT(with([](auto& b) { b.serial = Bytes(20, 0xff); }), HasSubstr("serial"));
  EXPECT_THAT(with([](auto& b) { b.serial = Bytes(21, 1); }), HasSubstr("serial"));
  EXPECT_THAT(with([](auto& b) { b.path_length = 0; }), HasSubstr("only a CA"));
  EXPECT_THAT(with([](auto& b) { b.usage = {}; }), HasSubstr("key usage"));
  EXPECT_THAT(with([](auto& b) { b.subject = {{"XX", "a"}}; }), HasSubstr("XX"));
  EXPECT_THAT(with([](auto& b) { b.subject = {{"CN", ""}}; }), HasSubstr("CN"));
  EXPECT_THAT(with([](auto& b) { b.subject = {{"CN", std::string(65, 'a')}}; }), HasSubstr("CN"));
  EXPECT_THAT(with([](auto& b) { b.subject = {{"CN", "\xff"}}; }), HasSubstr("CN"));
  EXPECT_THAT(with([](auto& b) { b.dns_names = {std::string("a\0b", 3)}; }),
              HasSubstr("alternative name"));
  EXPECT_THAT(with([](auto& b) { b.uris = {""}; }), HasSubstr("alternative name"));
  EXPECT_THAT(with([](auto& b) { b.ip_addresses = {"1.2.3"}; }), HasSubstr("IP address"));
}

struct SigningKind {
  const char* kind;
  const char* curve;
  std::size_t bits;
  v1::Scheme scheme;
};

class EverySchemeTest : public testing::TestWithParam<SigningKind> {};

TEST_P(EverySchemeTest, MakesCertificatesThatOpensslVerifies) {
  const SigningKind& kind = GetParam();
  const SoftwareKey key = KeyOf(kind.kind, kind.curve, kind.bits);
  const auto ca = IssueCertificate(CaBlueprint(key.public_key(), kind.scheme), SignWith(key));
  ASSERT_TRUE(ca.ok()) << ca.error().Describe();
  EXPECT_EQ(X509_verify(ca->native(), key.native()), 1);
  const SoftwareKey leaf_key = *SoftwareKey::Generate();
  const auto leaf =
      IssueCertificate(Blueprint(leaf_key.public_key(), *ca, kind.scheme), SignWith(key));
  ASSERT_TRUE(leaf.ok()) << leaf.error().Describe();
  EXPECT_TRUE(VerifyCertificate(*leaf, {*ca}, Purpose::kTlsClient, kNow).ok());
}

INSTANTIATE_TEST_SUITE_P(All, EverySchemeTest,
                         testing::Values(SigningKind{"EC", "P-256", 0, v1::ECDSA_SHA256},
                                         SigningKind{"EC", "P-384", 0, v1::ECDSA_SHA384},
                                         SigningKind{"EC", "P-521", 0, v1::ECDSA_SHA512},
                                         SigningKind{"RSA", nullptr, 2048, v1::RSA_PKCS1_SHA256},
                                         SigningKind{"RSA", nullptr, 2048, v1::RSA_PKCS1_SHA512},
                                         SigningKind{"RSA", nullptr, 2048, v1::RSA_PSS_SHA256},
                                         SigningKind{"RSA", nullptr, 2048, v1::RSA_PSS_SHA384},
                                         SigningKind{"ED25519", nullptr, 0, v1::ED25519_PURE}),
                         [](const auto& tested) {
                           std::string name(Name(tested.param.scheme));
                           std::erase(name, '-');
                           return name;
                         });

TEST_F(X509Test, ReadsPemAndDerExactly) {
  EXPECT_EQ(Certificate::FromPem(ca_.Pem())->der(), ca_.der());
  EXPECT_EQ(Certificate::FromDer(ca_.der())->der(), ca_.der());
  EXPECT_EQ(ReadPemCertificates("text before\n" + ca_.Pem() + ca_.Pem())->size(), 2U);
  Bytes longer = ca_.der();
  longer.push_back(0);
  Bytes shorter = ca_.der();
  shorter.pop_back();
  EXPECT_FALSE(Certificate::FromDer(longer).ok());
  EXPECT_FALSE(Certificate::FromDer(shorter).ok());
  EXPECT_FALSE(Certificate::FromDer({}).ok());
  EXPECT_FALSE(Certificate::FromPem("").ok());
  EXPECT_FALSE(Certificate::FromPem(ca_.Pem() + ca_.Pem()).ok());
  std::string cut = ca_.Pem();
  cut.resize(cut.size() / 2);
  EXPECT_FALSE(ReadPemCertificates(ca_.Pem() + cut).ok());
}

TEST_F(X509Test, RequestsProvePossession) {
  const auto request = CertificateRequest::Make(key_, {{"CN", "alice"}});
  ASSERT_TRUE(request.ok()) << request.error().Describe();
  const auto read = CertificateRequest::FromPem(request->Pem());
  ASSERT_TRUE(read.ok()) << read.error().Describe();
  EXPECT_EQ(read->subject(), "CN=alice");
  EXPECT_EQ(read->public_key().der(), key_.public_key().der());
}

TEST_F(X509Test, RefusesARequestWhoseSignatureIsWrong) {
  const std::string pem = CertificateRequest::Make(key_, {{"CN", "alice"}})->Pem();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const X509ReqPtr request(PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr));
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_REQ(request.get(), &encoded);
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  ASSERT_TRUE(CertificateRequest::FromDer(der).ok());
  der[der.size() - 1] ^= 1U;
  const auto changed = CertificateRequest::FromDer(der);
  ASSERT_FALSE(changed.ok());
  EXPECT_EQ(changed.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(changed.error().message(), HasSubstr("private key"));
  EXPECT_FALSE(CertificateRequest::FromDer({}).ok());
  EXPECT_FALSE(CertificateRequest::FromPem(ca_.Pem()).ok());
}

TEST_F(X509Test, RefusesARequestForAKeyThatIsTooWeak) {
  const KeyPtr weak(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024}));
  const X509ReqPtr request(X509_REQ_new());
  X509_REQ_set_pubkey(request.get(), weak.get());
  ASSERT_GT(X509_REQ_sign(request.get(), weak.get(), EVP_sha256()), 0);
  unsigned char* encoded = nullptr;
  const int size = i2d_X509_REQ(request.get(), &encoded);
  const Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  const auto read = CertificateRequest::FromDer(der);
  ASSERT_FALSE(read.ok());
  EXPECT_THAT(read.error().message(), HasSubstr("1024"));
}

TEST_F(X509Test, SoftwareKeysSurvivePem) {
  const auto pem = key_.Pem();
  ASSERT_TRUE(pem.ok());
  EXPECT_THAT(std::string(AsText(pem->Reveal(SecretAccess()))),
              StartsWith("-----BEGIN PRIVATE KEY-----"));
  EXPECT_EQ(SoftwareKey::FromPem(*pem)->public_key().der(), key_.public_key().der());
  EXPECT_FALSE(SoftwareKey::FromPem(Secret(AsBytes("no key"))).ok());
}

TEST_F(X509Test, TlsWantsAKeyThatFitsItsCertificate) {
  CertificateBlueprint blueprint = Blueprint(key_.public_key(), ca_);
  blueprint.tls_server = true;
  const Certificate server = *IssueCertificate(blueprint, SignWith(ca_key_));
  EXPECT_TRUE(ServerTls::Make({server}, key_, ca_).ok());
  const auto wrong = ServerTls::Make({server}, ca_key_, ca_);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), Code::kInvalidArgument);
  EXPECT_FALSE(ServerTls::Make({}, key_, ca_).ok());
}

}  // namespace
}  // namespace twinseal::crypto
