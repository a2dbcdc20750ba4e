#include "common/crypto/public_key.h"

#include <array>
#include <climits>
#include <utility>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/crypto/digest.h"
#include "common/crypto/openssl_ptr.h"
#include "common/crypto/signature_scheme.h"

namespace twinseal::crypto {
namespace {

using SharedKey = std::shared_ptr<EVP_PKEY>;

// A public key is shared between threads, and threads may have library contexts of their own; so a
// key and all that is done with it stay in the process's context.
OSSL_LIB_CTX* Library() { return OSSL_LIB_CTX_get0_global_default(); }

SharedKey Own(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

Error NotAKey(std::string_view why) {
  ERR_clear_error();
  return Error(Code::kInvalidArgument,
               fmt::format("not a public key that Twinseal knows: {}", why));
}

Result<v1::Algorithm> AlgorithmOf(const EVP_PKEY* key) {
  if (EVP_PKEY_is_a(key, "ED25519") == 1) return v1::ED25519;
  if (EVP_PKEY_is_a(key, "RSA") == 1) {
    for (const AlgorithmInfo& info : Algorithms()) {
      if (info.family == Family::kRsa && info.bits == EVP_PKEY_get_bits(key)) return info.id;
    }
    return NotAKey(fmt::format("an RSA modulus of {} bits", EVP_PKEY_get_bits(key)));
  }
  if (EVP_PKEY_is_a(key, "EC") == 1) {
    std::array<char, 64> group{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1) {
      return NotAKey("an EC key without a named curve");
    }
    const std::string_view name(group.data(), length);
    if (name == "prime256v1" || name == "P-256") return v1::EC_P256;
    if (name == "secp384r1" || name == "P-384") return v1::EC_P384;
    if (name == "secp521r1" || name == "P-521") return v1::EC_P521;
    return NotAKey(fmt::format("the curve {}", name));
  }
  return NotAKey("neither EC, RSA nor Ed25519");
}

// From OpenSSL's parameters of a key's kind ("EC", "RSA").
SharedKey FromParameters(const char* kind, OSSL_PARAM* parameters) {
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_name(Library(), kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1) {
    return nullptr;
  }
  return Own(key);
}

SharedKey EcKey(std::string_view curve, BytesView point) {
  std::string group(curve);
  Bytes encoded(point.begin(), point.end());
  std::array<OSSL_PARAM, 3> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group.data(), 0),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, encoded.data(), encoded.size()),
      OSSL_PARAM_construct_end()};
  return FromParameters("EC", parameters.data());
}

SharedKey RsaKey(BytesView modulus, BytesView exponent) {
  using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;
  const auto number = [](BytesView bytes) {
    return Number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr), &BN_free);
  };
  const Number n = number(modulus);
  const Number e = number(exponent);
  const std::unique_ptr<OSSL_PARAM_BLD, decltype(&OSSL_PARAM_BLD_free)> builder(
      OSSL_PARAM_BLD_new(), &OSSL_PARAM_BLD_free);
  if (n == nullptr || e == nullptr || builder == nullptr ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const std::unique_ptr<OSSL_PARAM, decltype(&OSSL_PARAM_free)> parameters(
      OSSL_PARAM_BLD_to_param(builder.get()), &OSSL_PARAM_free);
  return FromParameters("RSA", parameters.get());
}

// Null when there is no such key: a point that is not on its curve.
SharedKey KeyOf(const RawPublicKey& raw) {
  const AlgorithmInfo& algorithm = *Find(raw.algorithm);
  switch (algorithm.family) {
    case Family::kEcdsa:
      return EcKey(algorithm.curve, raw.value);
    case Family::kRsa:
      return RsaKey(raw.value, kRsaExponent);
    case Family::kEd25519:
      break;
  }
  return Own(EVP_PKEY_new_raw_public_key_ex(Library(), "ED25519", nullptr, raw.value.data(),
                                            raw.value.size()));
}

bool VerifyDigest(EVP_PKEY* key, const SchemeInfo& scheme, BytesView digest, BytesView signature) {
  const KeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(Library(), key, nullptr));
  return context != nullptr && EVP_PKEY_verify_init(context.get()) == 1 &&
         SetSignatureScheme(context.get(), scheme) &&
         EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(),
                         digest.size()) == 1;
}

// RFC 8032 §5.1.7: over the message itself.
bool VerifyMessage(EVP_PKEY* key, BytesView message, BytesView signature) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                        &EVP_MD_CTX_free);
  return context != nullptr &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, nullptr, Library(), nullptr, key,
                                 nullptr) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

}  // namespace

PublicKey::PublicKey(SharedKey key, v1::Algorithm algorithm, Bytes der)
    : key_(std::move(key)), algorithm_(algorithm), der_(std::move(der)) {}

Result<PublicKey> PublicKey::FromKey(SharedKey key) {
  if (key == nullptr) return NotAKey("it cannot be read");
  TWINSEAL_ASSIGN_OR_RETURN(const v1::Algorithm algorithm, AlgorithmOf(key.get()));
  unsigned char* encoded = nullptr;
  const int size = i2d_PUBKEY(key.get(), &encoded);
  if (size <= 0) return NotAKey("it cannot be encoded");
  Bytes der(encoded, encoded + size);
  OPENSSL_free(encoded);
  return PublicKey(std::move(key), algorithm, std::move(der));
}

Result<PublicKey> PublicKey::FromDer(BytesView der) {
  // OpenSSL 3.0 takes half a millisecond for it: it weighs all its decoders against each other.
  // In a process whose default provider makes no key of a raw one, as one of a token's, it does.
  if (const auto raw = ReadSpki(der)) {
    Result<PublicKey> key = FromRaw(*raw, Bytes(der.begin(), der.end()));
    if (key.ok()) return key;
  }
  if (der.size() > LONG_MAX) return NotAKey("it is too long");
  const unsigned char* next = der.data();
  SharedKey key =
      Own(d2i_PUBKEY_ex(nullptr, &next, static_cast<long>(der.size()), Library(), nullptr));
  if (key != nullptr && next != der.data() + der.size())
    return NotAKey("there are bytes behind it");
  return FromKey(std::move(key));
}

Result<PublicKey> PublicKey::FromPem(std::string_view pem) {
  if (pem.size() > INT_MAX) return NotAKey("it is too long");
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  if (bio == nullptr) return NotAKey("out of memory");
  return FromKey(
      Own(PEM_read_bio_PUBKEY_ex(bio.get(), nullptr, nullptr, nullptr, Library(), nullptr)));
}

Result<PublicKey> PublicKey::FromRaw(const RawPublicKey& raw) {
  std::optional<Bytes> der = WriteSpki(raw);
  if (!der) return NotAKey(fmt::format("{} bytes of {}", raw.value.size(), Name(raw.algorithm)));
  return FromRaw(raw, *std::move(der));
}

Result<PublicKey> PublicKey::FromRaw(const RawPublicKey& raw, Bytes der) {
  SharedKey key = KeyOf(raw);
  if (key == nullptr) return NotAKey("it cannot be read");
  return PublicKey(std::move(key), raw.algorithm, std::move(der));
}

Result<PublicKey> PublicKey::FromRsa(BytesView modulus, BytesView exponent) {
  return FromKey(RsaKey(modulus, exponent));
}

std::string PublicKey::Pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
  if (bio == nullptr || PEM_write_bio_PUBKEY(bio.get(), key_.get()) != 1) return {};
  const char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string PublicKey::Fingerprint() const { return HexEncode(Sha256(der_)); }

Status PublicKey::Verify(v1::Scheme scheme, BytesView digest, BytesView signature) const {
  const SchemeInfo* const scheme_info = Find(scheme);
  const AlgorithmInfo* const algorithm_info = Find(algorithm_);
  if (scheme_info == nullptr || algorithm_info == nullptr || !Fits(*scheme_info, *algorithm_info)) {
    return Error(Code::kInvalidArgument,
                 fmt::format("scheme: {} does not fit a key of algorithm {}", Name(scheme),
                             Name(algorithm_)));
  }
  TWINSEAL_RETURN_IF_ERROR(CheckDigest(*scheme_info, digest.size()));
  const bool good = scheme_info->family == Family::kEd25519
                        ? VerifyMessage(key_.get(), digest, signature)
                        : VerifyDigest(key_.get(), *scheme_info, digest, signature);
  if (good) return Ok();
  ERR_clear_error();
  return Error(Code::kDataLoss, "the signature is not this key's over this data");
}

}  // namespace twinseal::crypto
