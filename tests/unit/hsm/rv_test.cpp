#include "hsm/pkcs11/rv.h"

#include <gtest/gtest.h>

#include "hsm/pkcs11/mechanism.h"

namespace twinseal::hsm {
namespace {

TEST(Rv, NamesGoThereAndBack) {
  for (const CK_RV rv :
       {CKR_OK, CKR_GENERAL_ERROR, CKR_DEVICE_ERROR, CKR_PIN_INCORRECT, CKR_KEY_NOT_WRAPPABLE,
        CKR_CRYPTOKI_NOT_INITIALIZED, CKR_VENDOR_DEFINED + 7}) {
    EXPECT_EQ(RvFromName(RvName(rv)), rv) << RvName(rv);
  }
  EXPECT_EQ(RvName(CKR_SESSION_HANDLE_INVALID), "CKR_SESSION_HANDLE_INVALID");
  EXPECT_EQ(RvName(0x80000001UL), "CKR_0x80000001");
  EXPECT_EQ(RvFromName("CKR_NO_SUCH_NAME"), CKR_GENERAL_ERROR);
}

TEST(Rv, SaysWhatIsLost) {
  EXPECT_EQ(RvLoss(CKR_OK), Loss::kNothing);
  EXPECT_EQ(RvLoss(CKR_DATA_LEN_RANGE), Loss::kNothing);
  EXPECT_EQ(RvLoss(CKR_WRAPPED_KEY_INVALID), Loss::kNothing);
  EXPECT_EQ(RvLoss(CKR_SESSION_HANDLE_INVALID), Loss::kSession);
  EXPECT_EQ(RvLoss(CKR_SESSION_CLOSED), Loss::kSession);
  EXPECT_EQ(RvLoss(CKR_USER_NOT_LOGGED_IN), Loss::kSession);
  EXPECT_EQ(RvLoss(CKR_DEVICE_ERROR), Loss::kToken);
  EXPECT_EQ(RvLoss(CKR_DEVICE_REMOVED), Loss::kToken);
  EXPECT_EQ(RvLoss(CKR_TOKEN_NOT_PRESENT), Loss::kToken);
  EXPECT_EQ(RvLoss(CKR_CRYPTOKI_NOT_INITIALIZED), Loss::kModule);
}

TEST(Rv, WhatIsLostIsUnavailable) {
  for (CK_RV rv = 1; rv < 0x300; ++rv) {
    if (RvLoss(rv) != Loss::kNothing) {
      EXPECT_EQ(RvCode(rv), Code::kUnavailable) << RvName(rv);
    }
  }
}

TEST(Rv, ErrorTellsWhatWasAskedAndWhy) {
  const Error error = RvError(CKR_PIN_LOCKED, "logging in to the token");
  EXPECT_EQ(error.code(), Code::kFailedPrecondition);
  EXPECT_EQ(error.origin(), "CKR_PIN_LOCKED");
  EXPECT_EQ(error.message(),
            "logging in to the token: the PIN is locked after too many wrong ones; the security "
            "officer has to set a "
            "new one (CKR_PIN_LOCKED)");
  EXPECT_EQ(RvError(0x8000abcdUL, "C_Sign").code(), Code::kUnknown);
}

TEST(MechanismNames, GoThereAndBack) {
  EXPECT_EQ(MechanismName(CKM_AES_KEY_WRAP_PAD), "CKM_AES_KEY_WRAP_PAD");
  EXPECT_EQ(MechanismFromName("CKM_AES_KEY_WRAP_PAD"), CKM_AES_KEY_WRAP_PAD);
  EXPECT_EQ(MechanismFromName(MechanismName(0x80001234UL)), 0x80001234UL);
  EXPECT_EQ(MechanismFromName("CKM_NONE"), std::nullopt);
  EXPECT_EQ(MechanismFromName("CKM_0x12zz"), std::nullopt);
}

}  // namespace
}  // namespace twinseal::hsm
