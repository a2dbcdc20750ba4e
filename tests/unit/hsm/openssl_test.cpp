#include <array>
#include <memory>
#include <thread>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "hsm/openssl/thread_crypto_context.h"
#include "hsm/openssl/token_key.h"
#include "hsm/pkcs11/key_kinds.h"
#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::hsm {
namespace {

TEST(ThreadCryptoContext, BelongsToItsThreadAndGoesWithIt) {
  OSSL_LIB_CTX* const before = OSSL_LIB_CTX_set0_default(nullptr);
  {
    const ThreadCryptoContext context;
    ASSERT_THAT(context.status(), IsOk());
    OSSL_LIB_CTX* const mine = OSSL_LIB_CTX_set0_default(nullptr);
    EXPECT_NE(mine, before);
    OSSL_LIB_CTX* others = nullptr;
    std::thread([&others] { others = OSSL_LIB_CTX_set0_default(nullptr); }).join();
    EXPECT_EQ(others, before);
  }
  EXPECT_EQ(OSSL_LIB_CTX_set0_default(nullptr), before);
}

// A key as PrivateKeyInfo, made and read in the thread's default context.
EVP_PKEY* WrittenAndRead(EVP_PKEY* key) {
  const std::unique_ptr<PKCS8_PRIV_KEY_INFO, decltype(&PKCS8_PRIV_KEY_INFO_free)> info(
      EVP_PKEY2PKCS8(key), PKCS8_PRIV_KEY_INFO_free);
  return EVP_PKCS82PKEY(info.get());
}

TEST(ThreadCryptoContext, ReadsOurKeysAndDoesAllElse) {
  const ThreadCryptoContext context;
  ASSERT_THAT(context.status(), IsOk());
  using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
  for (EVP_PKEY* made : {EVP_EC_gen("P-256"), EVP_EC_gen("P-521"), EVP_RSA_gen(2048),
                         EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")}) {
    const Key key(made, EVP_PKEY_free);
    ASSERT_NE(key, nullptr);
    SCOPED_TRACE(EVP_PKEY_get0_type_name(key.get()));
    const Key read(WrittenAndRead(key.get()), EVP_PKEY_free);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(EVP_PKEY_eq(key.get(), read.get()), 1);
  }
  std::array<unsigned char, 32> random{};
  EXPECT_EQ(RAND_bytes(random.data(), random.size()), 1);
  const std::unique_ptr<EVP_CIPHER, decltype(&EVP_CIPHER_free)> wrap(
      EVP_CIPHER_fetch(nullptr, "AES-256-WRAP-PAD", nullptr), EVP_CIPHER_free);
  EXPECT_NE(wrap, nullptr);
  std::thread([] {
    const ThreadCryptoContext another;
    EXPECT_THAT(another.status(), IsOk());
  }).join();
}

TEST(ThreadCryptoContext, OneAThreadAndThenTheNext) {
  {
    const ThreadCryptoContext first;
    ASSERT_THAT(first.status(), IsOk());
    EXPECT_FALSE(ThreadCryptoContext().status().ok());
    EXPECT_THAT(first.status(), IsOk());
  }
  EXPECT_THAT(ThreadCryptoContext().status(), IsOk());
}

class OpenSslTest : public TokenTest {
 protected:
  void MakeKey(KeyKind kind) {
    Connect();
    const Bytes id = {0x42};
    auto pair =
        GenerateSigningPair(*session_, kind, {.token = true, .label = "identity", .id = id});
    ASSERT_THAT(pair, IsOk());
    pair->private_key.Release();
    pair->public_key.Release();
  }

  void Disconnect() {
    session_.reset();
    connection_.reset();
  }

  void ExpectSelfSigned(EVP_PKEY* key) {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
    ASSERT_EQ(X509_set_version(certificate.get(), X509_VERSION_3), 1);
    ASSERT_EQ(ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    ASSERT_EQ(X509_set_pubkey(certificate.get(), key), 1);
    ASSERT_GT(X509_sign(certificate.get(), key, EVP_sha256()), 0);
    // As a stranger would: with the public key out of the certificate.
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate.get(), &der);
    ASSERT_GT(size, 0);
    const unsigned char* in = der;
    const std::unique_ptr<X509, decltype(&X509_free)> read(d2i_X509(nullptr, &in, size), X509_free);
    OPENSSL_free(der);
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(X509_verify(read.get(), X509_get0_pubkey(read.get())), 1);
  }
};

// libp11 cannot use NSS softokn: it wants the token's slot to be usable without its init string's
// extra field.
INSTANTIATE_TEST_SUITE_P(On, OpenSslTest,
                         testing::Values(test::TokenKind::kSoftHsm, test::TokenKind::kNss),
                         KindName);

TEST_P(OpenSslTest, SignsACertificateWithAKeyThatStaysOnTheToken) {
  MakeKey(KeyKind::kEcP256);
  Disconnect();
  const auto key =
      TokenKey::Open(token_.module(), token_.selector(), test::TestToken::Pin(), "identity");
  ASSERT_THAT(key, IsOk());
  ExpectSelfSigned(key->get());
}

TEST_P(OpenSslTest, SharesTheModuleWithAConnection) {
  MakeKey(KeyKind::kRsa2048);
  {
    const auto key = TokenKey::Open(token_.module(), token_.selector(), Secret(), "identity");
    ASSERT_THAT(key, IsOk());
    ExpectSelfSigned(key->get());
  }
  EXPECT_THAT(session_->FindTokenObject(CKO_PRIVATE_KEY, "identity"), IsOk())
      << "the connection is as it was";
}

TEST_P(OpenSslTest, SaysWhatIsMissing) {
  Connect();
  Disconnect();
  EXPECT_THAT(TokenKey::Open(token_.module(), token_.selector(), test::TestToken::Pin(), "nobody"),
              Fails(Code::kNotFound));
  EXPECT_THAT(TokenKey::Open(token_.module(), token_.selector(), Secret(), "identity"),
              Fails(Code::kFailedPrecondition));
  EXPECT_THAT(
      TokenKey::Open(token_.module(), token_.selector(), Secret(AsBytes("wrong")), "identity"),
      Fails(Code::kFailedPrecondition));
  TokenSelector other;
  other.label = "other";
  EXPECT_THAT(TokenKey::Open(token_.module(), other, test::TestToken::Pin(), "identity"),
              Fails(Code::kUnavailable));
  EXPECT_THAT(TokenKey::Open({"/nonexistent.so", ""}, other, test::TestToken::Pin(), "identity"),
              Fails(Code::kNotFound));
}

}  // namespace
}  // namespace twinseal::hsm
