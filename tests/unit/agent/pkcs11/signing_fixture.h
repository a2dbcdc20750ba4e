// One key, signed with in each way.
#pragma once

#include "tests/unit/agent/pkcs11/module_fixture.h"

namespace twinseal::pkcs11 {

class SigningTest : public ModuleTest {
 protected:
  void Begin(v1::Algorithm algorithm) {
    domain_.Make("signer", algorithm);
    session_ = InitializeAndOpen();
    key_ = PrivateKey(session_, "signer");
    public_key_ = PublicKey(session_, "signer");
    der_ = app_.Attribute(session_, public_key_, CKA_PUBLIC_KEY_INFO);
    ASSERT_FALSE(der_.empty());
  }

  CK_RV Sign(CK_MECHANISM mechanism, BytesView data) {
    return app_.Sign(session_, mechanism, key_, data, signature_);
  }
  CK_RV Verify(CK_MECHANISM mechanism, BytesView data) {
    return app_.Verify(session_, mechanism, public_key_, data, signature_);
  }
  // Signs, and the module verifies it, and does not verify it over something else.
  void SignAndVerify(CK_MECHANISM mechanism, const Bytes& data) {
    ASSERT_EQ(Sign(mechanism, data), CKR_OK) << mechanism.mechanism;
    EXPECT_EQ(Verify(mechanism, data), CKR_OK) << mechanism.mechanism;
    Bytes other = data;
    other.back() ^= 1U;
    EXPECT_NE(Verify(mechanism, other), CKR_OK) << mechanism.mechanism;
    signature_.back() ^= 1U;
    EXPECT_EQ(Verify(mechanism, data), CKR_SIGNATURE_INVALID) << mechanism.mechanism;
    signature_.back() ^= 1U;
  }

  CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE key_ = CK_INVALID_HANDLE;
  CK_OBJECT_HANDLE public_key_ = CK_INVALID_HANDLE;
  Bytes der_;  // The public key.
  Bytes signature_;
};

}  // namespace twinseal::pkcs11
