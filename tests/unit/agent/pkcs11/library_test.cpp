// libtwinseal-pkcs11.so as applications load it, in a process that has protobuf and Twinseal's
// contract loaded already.
#include <cstring>

#include <dlfcn.h>

#include "tests/unit/agent/pkcs11/signing_fixture.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::pkcs11 {
namespace {

class LibraryTest : public ModuleTest {
 protected:
  ~LibraryTest() override { Unload(); }

  CK_FUNCTION_LIST* Load() {
    library_ = dlopen(TWINSEAL_PKCS11_MODULE, RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(library_, nullptr) << dlerror();
    CK_C_GetFunctionList get = nullptr;
    void* const symbol = library_ == nullptr ? nullptr : dlsym(library_, "C_GetFunctionList");
    std::memcpy(&get, &symbol, sizeof symbol);
    CK_FUNCTION_LIST* list = nullptr;
    if (get != nullptr) {
      EXPECT_EQ(get(&list), CKR_OK);
    }
    return list;
  }
  void Unload() {
    if (library_ != nullptr) {
      EXPECT_EQ(dlclose(library_), 0);
    }
    library_ = nullptr;
  }
  void SignWith(CK_FUNCTION_LIST& list) {
    const test::Application application(list);
    ASSERT_EQ(list.C_Initialize(nullptr), CKR_OK);
    const CK_SESSION_HANDLE session = application.OpenSession();
    const CK_OBJECT_HANDLE key = application.FindKey(session, CKO_PRIVATE_KEY, "signer");
    Bytes signature;
    ASSERT_EQ(application.Sign(session, {CKM_ECDSA_SHA256, nullptr, 0}, key, kAbc, signature),
              CKR_OK);
    const Bytes der = application.Attribute(session, key, CKA_PUBLIC_KEY_INFO);
    EXPECT_TRUE(OpensslVerifies(der, "SHA256", RsaPadding::kNone, kAbc, signature));
    EXPECT_EQ(list.C_Finalize(nullptr), CKR_OK);
  }

  void* library_ = nullptr;
};

TEST_F(LibraryTest, IsLoadedUsedUnloadedAndLoadedAgain) {
  // The test's own copy of the contract, in protobuf's registry.
  ASSERT_EQ(v1::Key::descriptor()->full_name(), "twinseal.v1.Key");
  domain_.Make("signer", v1::EC_P256);
  Configure();
  for (int i = 0; i < 3; ++i) {
    CK_FUNCTION_LIST* const list = Load();
    ASSERT_NE(list, nullptr);
    EXPECT_NE(list, &module_);
    SignWith(*list);
    Unload();
  }
}

// Two copies of the module in a process do not know of each other: one is the test's own.
TEST_F(LibraryTest, IsApartFromWhatElseIsThere) {
  domain_.Make("signer", v1::EC_P256);
  Initialize();
  CK_FUNCTION_LIST* const list = Load();
  ASSERT_NE(list, nullptr);
  CK_INFO info{};
  EXPECT_EQ(list->C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
  SignWith(*list);
  EXPECT_EQ(module_.C_GetInfo(&info), CKR_OK);
}

// An application that crashes on its way out is a nuisance: C_Finalize may be forgotten.
TEST_F(LibraryTest, MayBeUnloadedWhileItIsInitialized) {
  domain_.Make("signer", v1::EC_P256);
  Configure();
  CK_FUNCTION_LIST* list = Load();
  ASSERT_NE(list, nullptr);
  ASSERT_EQ(list->C_Initialize(nullptr), CKR_OK);
  Unload();
  list = Load();
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
  EXPECT_EQ(list->C_Finalize(nullptr), CKR_OK);
}

}  // namespace
}  // namespace twinseal::pkcs11
