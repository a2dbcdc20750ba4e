#include "tests/unit/agent/pkcs11/module_fixture.h"

#include <cstdlib>

#include "agent/pkcs11/function_list.h"
#include "common/crypto/digest.h"

namespace twinseal::pkcs11 {
namespace {

CK_FUNCTION_LIST& TheModule() {
  CK_FUNCTION_LIST* list = nullptr;
  EXPECT_EQ(GetFunctionList(&list), CKR_OK);
  return *list;
}

}  // namespace

ModuleTest::ModuleTest() : module_(TheModule()) {}

ModuleTest::~ModuleTest() {
  module_.C_Finalize(nullptr);
  unsetenv("TWINSEAL_PKCS11_CONF");
}

void ModuleTest::Configure(const std::string& more, bool with_pin) {
  const std::string path = files_.Configure({a_.Endpoint(), b_.Endpoint()}, with_pin, more);
  setenv("TWINSEAL_PKCS11_CONF", path.c_str(), 1);
  configured_ = true;
}

void ModuleTest::Initialize() {
  if (!configured_) Configure();
  ASSERT_EQ(module_.C_Initialize(nullptr), CKR_OK);
}

CK_SESSION_HANDLE ModuleTest::InitializeAndOpen() {
  Initialize();
  const CK_SESSION_HANDLE session = app_.OpenSession();
  EXPECT_NE(session, CK_INVALID_HANDLE);
  return session;
}

Bytes DigestOfAbc(const char* hash) {
  auto hasher = crypto::Hasher::Create(hash).value();
  hasher.Update(kAbc);
  return hasher.Finish();
}

}  // namespace twinseal::pkcs11
