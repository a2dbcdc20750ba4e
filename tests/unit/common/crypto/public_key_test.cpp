#include "common/crypto/public_key.h"

#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/crypto/digest.h"
#include "common/crypto/spki.h"

namespace twinseal::crypto {
namespace {

// A key pair made by OpenSSL, and signatures by it: the other side of what PublicKey verifies.
class SoftwareKey {
 public:
  explicit SoftwareKey(v1::Algorithm algorithm) : info_(*Find(algorithm)) {
    if (info_.family == Family::kEcdsa) {
      key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", std::string(info_.curve).c_str());
    } else if (info_.family == Family::kRsa) {
      key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(info_.bits));
    } else {
      key_ = EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
    }
  }
  ~SoftwareKey() { EVP_PKEY_free(key_); }
  SoftwareKey(const SoftwareKey&) = delete;
  SoftwareKey& operator=(const SoftwareKey&) = delete;

  Bytes Der() const {
    unsigned char* encoded = nullptr;
    const int size = i2d_PUBKEY(key_, &encoded);
    Bytes der(encoded, encoded + size);
    OPENSSL_free(encoded);
    return der;
  }

  // Over the message whose digest Verify is given.
  Bytes Sign(const SchemeInfo& scheme, BytesView message) const {
    EVP_MD_CTX* const context = EVP_MD_CTX_new();
    EVP_PKEY_CTX* padding = nullptr;
    const EVP_MD* const hash =
        scheme.hash.empty() ? nullptr : EVP_get_digestbyname(std::string(scheme.hash).c_str());
    EXPECT_EQ(EVP_DigestSignInit(context, &padding, hash, nullptr, key_), 1);
    if (scheme.padding == Padding::kPss) {
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(padding, RSA_PKCS1_PSS_PADDING), 1);
      EXPECT_EQ(EVP_PKEY_CTX_set_rsa_pss_saltlen(padding, RSA_PSS_SALTLEN_DIGEST), 1);
    }
    std::size_t size = 1024;
    Bytes signature(size);
    EXPECT_EQ(EVP_DigestSign(context, signature.data(), &size, message.data(), message.size()), 1);
    signature.resize(size);
    EVP_MD_CTX_free(context);
    return signature;
  }

 private:
  const AlgorithmInfo& info_;
  EVP_PKEY* key_ = nullptr;
};

class EachAlgorithm : public testing::TestWithParam<v1::Algorithm> {};

TEST_P(EachAlgorithm, VerifiesWhatFitsAndNothingElse) {
  const SoftwareKey software(GetParam());
  const Result<PublicKey> key = PublicKey::FromDer(software.Der());
  ASSERT_TRUE(key.ok()) << key.error().Describe();
  EXPECT_EQ(key->algorithm(), GetParam());
  EXPECT_EQ(key->der(), software.Der());

  const Bytes message = ToBytes("the message");
  for (const SchemeInfo& scheme : Schemes()) {
    if (!Fits(scheme, *Find(GetParam()))) {
      const Status refused = key->Verify(scheme.id, Bytes(scheme.digest_size), Bytes(64));
      EXPECT_EQ(refused.error().code(), Code::kInvalidArgument) << scheme.name;
      continue;
    }
    Bytes digest = message;
    if (scheme.digest_size != 0) {
      Result<Hasher> hasher = Hasher::Create(scheme.hash);
      ASSERT_TRUE(hasher.ok());
      hasher->Update(message);
      digest = hasher->Finish();
    }
    const Bytes signature = software.Sign(scheme, message);
    EXPECT_TRUE(key->Verify(scheme.id, digest, signature).ok()) << scheme.name;

    Bytes other = digest;
    other[0] ^= 1U;
    EXPECT_EQ(key->Verify(scheme.id, other, signature).error().code(), Code::kDataLoss)
        << scheme.name;
    EXPECT_EQ(key->Verify(scheme.id, digest, Bytes()).error().code(), Code::kDataLoss)
        << scheme.name;
  }
}

TEST_P(EachAlgorithm, SurvivesThePemRoundTrip) {
  const SoftwareKey software(GetParam());
  const Result<PublicKey> key = PublicKey::FromDer(software.Der());
  ASSERT_TRUE(key.ok());
  const Result<PublicKey> again = PublicKey::FromPem(key->Pem());
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->der(), key->der());
  EXPECT_EQ(again->Fingerprint(), HexEncode(Sha256(software.Der())));
}

INSTANTIATE_TEST_SUITE_P(Keys, EachAlgorithm,
                         testing::Values(v1::EC_P256, v1::EC_P384, v1::EC_P521, v1::RSA_2048,
                                         v1::RSA_3072, v1::RSA_4096, v1::ED25519),
                         [](const auto& test) {
                           std::string name(Name(test.param));
                           std::erase(name, '-');
                           return name;
                         });

// OpenSSL wrote it.
TEST_P(EachAlgorithm, HasAFormThatIsKnown) {
  const Bytes der = SoftwareKey(GetParam()).Der();
  const std::optional<RawPublicKey> raw = ReadSpki(der);
  ASSERT_TRUE(raw.has_value());
  EXPECT_EQ(raw->algorithm, GetParam());
  EXPECT_EQ(WriteSpki(*raw), der);

  EXPECT_FALSE(ReadSpki(BytesView(der).first(der.size() - 1)).has_value());
  EXPECT_FALSE(WriteSpki({GetParam(), raw->value.subspan(1)}).has_value());
  const std::size_t head = static_cast<std::size_t>(raw->value.data() - der.data());
  for (std::size_t at = 0; at < der.size() - raw->value.size(); ++at) {
    Bytes other = der;
    other[at < head ? at : at + raw->value.size()] ^= 1U;
    EXPECT_FALSE(ReadSpki(other).has_value()) << at;
  }
}

TEST(PublicKey, AnRsaKeyOfAnotherExponentIsReadToo) {
  const Bytes modulus(256, 0xC5);
  const Bytes three = {3};
  const Result<PublicKey> built = PublicKey::FromRsa(modulus, three);
  ASSERT_TRUE(built.ok()) << built.error().Describe();
  EXPECT_FALSE(ReadSpki(built->der()).has_value());
  const Result<PublicKey> read = PublicKey::FromDer(built->der());
  ASSERT_TRUE(read.ok()) << read.error().Describe();
  EXPECT_EQ(read->algorithm(), v1::RSA_2048);
}

TEST(PublicKey, RefusesAPointThatIsNotOnItsCurve) {
  Bytes der = SoftwareKey(v1::EC_P256).Der();
  der.back() ^= 1U;
  EXPECT_EQ(PublicKey::FromDer(der).error().code(), Code::kInvalidArgument);
}

TEST(PublicKey, RefusesWhatIsNoKey) {
  EXPECT_EQ(PublicKey::FromDer({}).error().code(), Code::kInvalidArgument);
  EXPECT_EQ(PublicKey::FromPem("-----BEGIN NONSENSE-----").error().code(), Code::kInvalidArgument);
  Bytes longer = SoftwareKey(v1::EC_P256).Der();
  longer.push_back(0);
  EXPECT_EQ(PublicKey::FromDer(longer).error().code(), Code::kInvalidArgument);
}

TEST(PublicKey, RefusesCurvesThatTwinsealDoesNotSignWith) {
  EVP_PKEY* const key = EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "secp256k1");
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(key, &encoded);
  const Result<PublicKey> refused = PublicKey::FromDer({encoded, static_cast<std::size_t>(size)});
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  EXPECT_NE(refused.error().message().find("secp256k1"), std::string::npos);
  OPENSSL_free(encoded);
  EVP_PKEY_free(key);
}

TEST(PublicKey, IsBuiltFromWhatATokenGives) {
  // The last 65 bytes of a P-256 SubjectPublicKeyInfo are its uncompressed point; the last 32 of an
  // Ed25519 one its key.
  const Bytes p256 = SoftwareKey(v1::EC_P256).Der();
  const Result<PublicKey> point = PublicKey::FromRaw({v1::EC_P256, BytesView(p256).last(65)});
  ASSERT_TRUE(point.ok()) << point.error().Describe();
  EXPECT_EQ(point->der(), p256);

  const Bytes ed25519 = SoftwareKey(v1::ED25519).Der();
  const Result<PublicKey> edwards = PublicKey::FromRaw({v1::ED25519, BytesView(ed25519).last(32)});
  ASSERT_TRUE(edwards.ok()) << edwards.error().Describe();
  EXPECT_EQ(edwards->der(), ed25519);

  // An RSA one ends with INTEGER modulus (257 bytes, the first zero), then INTEGER 65537 (02 03 01
  // 00 01).
  const Bytes rsa = SoftwareKey(v1::RSA_2048).Der();
  const BytesView modulus = BytesView(rsa).last(256 + 5).first(256);
  const Result<PublicKey> built = PublicKey::FromRsa(modulus, BytesView(rsa).last(3));
  ASSERT_TRUE(built.ok()) << built.error().Describe();
  EXPECT_EQ(built->der(), rsa);
}

TEST(Algorithms, FitsIsExactlyThisTable) {
  std::string table;
  for (const AlgorithmInfo& algorithm : Algorithms()) {
    table += std::string(algorithm.name) + ":";
    for (const SchemeInfo& scheme : Schemes()) {
      if (Fits(scheme, algorithm)) table += " " + std::string(scheme.name);
    }
    table += "\n";
  }
  const std::string rsa =
      " rsa-pkcs1-sha1 rsa-pkcs1-sha256 rsa-pkcs1-sha384 rsa-pkcs1-sha512 rsa-pss-sha256 "
      "rsa-pss-sha384 rsa-pss-sha512\n";
  EXPECT_EQ(table,
            "ec-p256: ecdsa-sha256\n"
            "ec-p384: ecdsa-sha256 ecdsa-sha384\n"
            "ec-p521: ecdsa-sha256 ecdsa-sha384 ecdsa-sha512\n"
            "rsa-2048:" +
                rsa + "rsa-3072:" + rsa + "rsa-4096:" + rsa + "ed25519: ed25519\n");
}

TEST(Algorithms, NamesAreReadBack) {
  for (const AlgorithmInfo& algorithm : Algorithms())
    EXPECT_EQ(*ParseAlgorithm(algorithm.name), algorithm.id);
  for (const SchemeInfo& scheme : Schemes()) EXPECT_EQ(*ParseScheme(scheme.name), scheme.id);
  const Result<v1::Algorithm> refused = ParseAlgorithm("ec-p255");
  EXPECT_EQ(
      refused.error().message(),
      "there is no algorithm 'ec-p255'; there are ec-p256, ec-p384, ec-p521, rsa-2048, rsa-3072, "
      "rsa-4096, ed25519");
}

TEST(Algorithms, DigestsHaveOneLength) {
  EXPECT_TRUE(CheckDigest(*Find(v1::ECDSA_SHA384), 48).ok());
  EXPECT_EQ(CheckDigest(*Find(v1::ECDSA_SHA384), 32).error().message(),
            "digest: ecdsa-sha384 signs a digest of 48 bytes; 32 were given");
  EXPECT_TRUE(CheckDigest(*Find(v1::ED25519_PURE), kMaxPureMessage).ok());
  EXPECT_FALSE(CheckDigest(*Find(v1::ED25519_PURE), kMaxPureMessage + 1).ok());
}

}  // namespace
}  // namespace twinseal::crypto
