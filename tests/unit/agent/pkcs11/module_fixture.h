// The module in the test's process, with a pair of appliances that are there too.
#pragma once

#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/support/pkcs11/application.h"
#include "tests/support/pkcs11/client_files.h"
#include "tests/support/pkcs11/fake_appliance.h"
#include "tests/support/pkcs11/openssl_check.h"

namespace twinseal::pkcs11 {

using test::OpensslVerifies;
using test::OpensslVerifiesDigest;
using test::RsaPadding;
using test::Template;

class ModuleTest : public testing::Test {
 protected:
  ModuleTest();
  ~ModuleTest() override;

  // Writes the configuration and names it in the environment. `more` are further lines of it.
  void Configure(const std::string& more = "", bool with_pin = false);
  // C_Initialize with the configuration there is, or the usual one; must succeed.
  void Initialize();
  // With a session that may write.
  CK_SESSION_HANDLE InitializeAndOpen();

  CK_OBJECT_HANDLE PrivateKey(CK_SESSION_HANDLE session, std::string_view label) const {
    return app_.FindKey(session, CKO_PRIVATE_KEY, label);
  }
  CK_OBJECT_HANDLE PublicKey(CK_SESSION_HANDLE session, std::string_view label) const {
    return app_.FindKey(session, CKO_PUBLIC_KEY, label);
  }

  test::TestCa ca_;
  test::FakeDomain domain_;
  test::FakeAppliance a_{ca_, domain_};
  test::FakeAppliance b_{ca_, domain_};
  test::ClientFiles files_{ca_};
  CK_FUNCTION_LIST& module_;
  test::Application app_{module_};
  bool configured_ = false;
};

// The digest of "abc", as OpenSSL makes it.
Bytes DigestOfAbc(const char* hash);

inline const Bytes kAbc = {'a', 'b', 'c'};

}  // namespace twinseal::pkcs11
