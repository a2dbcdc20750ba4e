// Keys that travel between HSMs.
#include "hsm/wrapping/transport_key.h"

#include <memory>

#include "tests/unit/hsm/hsm_test.h"

namespace twinseal::hsm {
namespace {

constexpr std::string_view kLabel = "test-transport";

class AnyTransportKeyTest : public TokenTest {
 protected:
  KeyPair MakePair() {
    auto pair = GenerateTransportPair(*session_, kLabel, AsBytes(kLabel));
    EXPECT_THAT(pair, IsOk());
    return std::move(*pair);
  }

  ObjectHandle Import(const KeyPair& pair) {
    const auto value = ReadPublicValue(*session_, kTransportKeyKind, pair.public_key.get());
    EXPECT_THAT(value, IsOk());
    auto imported = ImportTransportKey(*session_, value->modulus, value->exponent);
    EXPECT_THAT(imported, IsOk());
    return std::move(*imported);
  }

  bool Flag(Object object, CK_ATTRIBUTE_TYPE type) {
    const auto flag = session_->GetBool(object, type);
    EXPECT_THAT(flag, IsOk());
    return flag.ok() && *flag;
  }
};

class TransportKeyTest : public AnyTransportKeyTest {
 protected:
  void SetUp() override { Connect(); }
};
TWINSEAL_ON_EACH_TOKEN(TransportKeyTest);

TEST_P(TransportKeyTest, CarriesAMacKeyAndAWrappingKey) {
  const KeyPair pair = MakePair();
  const ObjectHandle theirs = Import(pair);
  const Mechanism hmac(CKM_SHA256_HMAC);

  const auto mac_key = GenerateMacKey(*session_, {.extractable = true});
  ASSERT_THAT(mac_key, IsOk());
  const auto wrapped = WrapForTransport(*session_, theirs.get(), mac_key->get());
  ASSERT_THAT(wrapped, IsOk());
  EXPECT_EQ(wrapped->size(), 384U);
  const auto arrived =
      UnwrapTransported(*session_, pair.private_key.get(), *wrapped, UnwrappedMacKey({}));
  ASSERT_THAT(arrived, IsOk());
  EXPECT_EQ(*session_->Sign(hmac, mac_key->get(), kDigest),
            *session_->Sign(hmac, arrived->get(), kDigest));

  const auto kek = GenerateWrappingKey(*session_, {.extractable = true});
  ASSERT_THAT(kek, IsOk());
  const auto wrapped_kek = WrapForTransport(*session_, theirs.get(), kek->get());
  ASSERT_THAT(wrapped_kek, IsOk());
  const auto arrived_kek =
      UnwrapTransported(*session_, pair.private_key.get(), *wrapped_kek, UnwrappedWrappingKey());
  ASSERT_THAT(arrived_kek, IsOk());
  // The one that arrived opens what the one that left has closed.
  const Mechanism aes(CKM_AES_KEY_WRAP_PAD);
  const auto by_the_first = session_->Wrap(aes, kek->get(), mac_key->get());
  ASSERT_THAT(by_the_first, IsOk());
  EXPECT_THAT(session_->Unwrap(aes, arrived_kek->get(), *by_the_first, UnwrappedMacKey({})),
              IsOk());
}

TEST_P(TransportKeyTest, AnUnwrappedKeyHasTheAttributesOfOneThatWasMade) {
  const KeyPair pair = MakePair();
  const ObjectHandle theirs = Import(pair);
  const SecretKeyOptions options{.token = true, .extractable = true, .label = "test-mac", .id = {}};
  const auto made = GenerateMacKey(*session_, options);
  ASSERT_THAT(made, IsOk());
  const auto wrapped = WrapForTransport(*session_, theirs.get(), made->get());
  ASSERT_THAT(wrapped, IsOk());
  const auto arrived =
      UnwrapTransported(*session_, pair.private_key.get(), *wrapped, UnwrappedMacKey(options));
  ASSERT_THAT(arrived, IsOk());
  for (const CK_ATTRIBUTE_TYPE type :
       {CKA_TOKEN, CKA_PRIVATE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_SIGN, CKA_VERIFY, CKA_WRAP,
        CKA_UNWRAP, CKA_ENCRYPT, CKA_DECRYPT}) {
    EXPECT_EQ(Flag(made->get(), type), Flag(arrived->get(), type)) << type;
  }
  for (const CK_ATTRIBUTE_TYPE type : {CKA_CLASS, CKA_KEY_TYPE}) {
    EXPECT_EQ(*session_->GetUlong(made->get(), type), *session_->GetUlong(arrived->get(), type))
        << type;
  }
  EXPECT_EQ(*session_->GetAttribute(made->get(), CKA_LABEL),
            *session_->GetAttribute(arrived->get(), CKA_LABEL));
}

TEST_P(TransportKeyTest, ThePrivateKeyUnwrapsAndDoesNothingElse) {
  const KeyPair pair = MakePair();
  const Object key = pair.private_key.get();
  EXPECT_TRUE(Flag(key, CKA_TOKEN));
  EXPECT_TRUE(Flag(key, CKA_SENSITIVE));
  EXPECT_TRUE(Flag(key, CKA_UNWRAP));
  EXPECT_FALSE(Flag(key, CKA_EXTRACTABLE));
  EXPECT_FALSE(Flag(key, CKA_DECRYPT));
  EXPECT_FALSE(Flag(key, CKA_SIGN));
  EXPECT_FALSE(session_->Sign(Mechanism(CKM_RSA_PKCS), key, kDigest).ok());
}

TEST_P(TransportKeyTest, RefusesBytesThatAreNotForIt) {
  KeyPair pair = MakePair();
  auto other = GenerateTransportPair(*session_, "test-other", AsBytes("test-other"));
  ASSERT_THAT(other, IsOk());
  other->public_key.Release();
  other->private_key.Release();
  const ObjectHandle theirs = Import(pair);
  const auto key = GenerateMacKey(*session_, {.extractable = true});
  ASSERT_THAT(key, IsOk());
  const auto wrapped = WrapForTransport(*session_, theirs.get(), key->get());
  ASSERT_THAT(wrapped, IsOk());
  pair.public_key.Release();
  pair.private_key.Release();
  const auto unwrap = [&](std::string_view label, BytesView bytes) {
    // A refusal may cost the session, and with it what the token's objects are called by.
    EXPECT_THAT(session_->Ensure(), IsOk());
    const auto with = session_->FindTokenObject(CKO_PRIVATE_KEY, label);
    EXPECT_THAT(with, IsOk());
    return UnwrapTransported(*session_, *with, bytes, UnwrappedMacKey({}));
  };
  EXPECT_THAT(unwrap("test-other", *wrapped), Fails(Code::kDataLoss));
  Bytes damaged = *wrapped;
  damaged.back() ^= 1;
  EXPECT_THAT(unwrap(kLabel, damaged), Fails(Code::kDataLoss));
  EXPECT_THAT(unwrap(kLabel, BytesView(*wrapped).first(383)), Fails(Code::kDataLoss));
  EXPECT_THAT(unwrap(kLabel, {}), Fails(Code::kDataLoss));
  EXPECT_THAT(unwrap(kLabel, *wrapped), IsOk());
}

// NSS softokn wraps keys that are not extractable all the same.
class SoftHsmTransportKeyTest : public AnyTransportKeyTest {};
INSTANTIATE_TEST_SUITE_P(On, SoftHsmTransportKeyTest, testing::Values(test::TokenKind::kSoftHsm),
                         KindName);

TEST_P(SoftHsmTransportKeyTest, DoesNotWrapWhatMayNotLeave) {
  Connect();
  const KeyPair pair = MakePair();
  const ObjectHandle theirs = Import(pair);
  const auto key = GenerateMacKey(*session_, {.extractable = false});
  ASSERT_THAT(key, IsOk());
  EXPECT_FALSE(WrapForTransport(*session_, theirs.get(), key->get()).ok());
}

TEST_P(SoftHsmTransportKeyTest, NamesTheMechanismThatIsMissing) {
  token_.Interpose();
  token_.Script("C_GetMechanismList hide CKM_RSA_PKCS_OAEP\n");
  Connect();
  const auto pair = GenerateTransportPair(*session_, kLabel, AsBytes(kLabel));
  ASSERT_THAT(pair, Fails(Code::kUnimplemented));
  EXPECT_THAT(pair.error().message(), testing::HasSubstr("CKM_RSA_PKCS_OAEP"));
}

}  // namespace
}  // namespace twinseal::hsm
