// A pair of appliances and a client of theirs, for as long as the fuzzer runs.
#pragma once

#include <array>
#include <cstdlib>
#include <string>

#include "agent/pkcs11/function_list.h"
#include "tests/support/pkcs11/application.h"
#include "tests/support/pkcs11/client_files.h"
#include "tests/support/pkcs11/fake_appliance.h"
#include "tests/support/pkcs11/openssl_check.h"

namespace twinseal::fuzz {

inline void Require(bool holds) {
  if (!holds) std::abort();
}

struct Key {
  const char* name;
  v1::Algorithm algorithm;
  CK_ULONG signature_size;
};
inline constexpr std::array kKeys = {Key{"ec", v1::EC_P256, 64}, Key{"rsa", v1::RSA_2048, 256},
                                     Key{"ed", v1::ED25519, 64}};

// A mechanism, and how OpenSSL checks its signatures.
struct Way {
  CK_MECHANISM_TYPE mechanism;
  std::size_t key;
  const char* hash;  // Null where the application brings what is signed.
  test::RsaPadding padding;
};
inline constexpr std::array kWays = {
    Way{CKM_ECDSA_SHA256, 0, "SHA256", test::RsaPadding::kNone},
    Way{CKM_ECDSA, 0, nullptr, test::RsaPadding::kNone},
    Way{CKM_SHA256_RSA_PKCS, 1, "SHA256", test::RsaPadding::kPkcs1},
    Way{CKM_SHA256_RSA_PKCS_PSS, 1, "SHA256", test::RsaPadding::kPss},
    Way{CKM_EDDSA, 2, nullptr, test::RsaPadding::kNone},
};

class Bench {
 public:
  static Bench& Get() {
    static Bench bench;
    return bench;
  }

  CK_FUNCTION_LIST_3_0& module() const { return *module_; }
  CK_FUNCTION_LIST& functions_of_2_40() const { return *functions_of_2_40_; }
  // That of the first key, which the inventory has.
  const Bytes& certificate() const { return certificate_; }
  bool Verifies(const Way& way, const Bytes& data, const Bytes& signature) const {
    const Bytes& key = public_keys_.at(way.key);
    if (way.mechanism == CKM_ECDSA) return test::OpensslVerifiesDigest(key, data, signature);
    return test::OpensslVerifies(key, way.hash, way.padding, data, signature);
  }

 private:
  Bench() {
    for (std::size_t i = 0; i < kKeys.size(); ++i) {
      const crypto::SoftwareKey key = test::MakeSoftwareKey(kKeys.at(i).algorithm);
      domain_.Add(kKeys.at(i).name, key);
      public_keys_.at(i) = key.public_key().der();
      if (i > 0) continue;
      const crypto::Certificate certificate = ca_.Certify(key.public_key(), "fuzzed");
      domain_.Certify(kKeys.at(i).name, 1, certificate);
      certificate_ = certificate.der();
    }
    const std::string path = files_.Configure({a_.Endpoint(), b_.Endpoint()}, true);
    setenv("TWINSEAL_PKCS11_CONF", path.c_str(), 1);
    CK_VERSION version{3, 0};
    CK_INTERFACE* interface = nullptr;
    Require(pkcs11::GetFunctionList(&functions_of_2_40_) == CKR_OK);
    Require(pkcs11::GetInterface(nullptr, &version, &interface, 0) == CKR_OK);
    module_ = static_cast<CK_FUNCTION_LIST_3_0*>(interface->pFunctionList);
  }

  test::TestCa ca_;
  test::FakeDomain domain_;
  test::FakeAppliance a_{ca_, domain_};
  test::FakeAppliance b_{ca_, domain_};
  test::ClientFiles files_{ca_};
  std::array<Bytes, kKeys.size()> public_keys_;
  Bytes certificate_;
  CK_FUNCTION_LIST_3_0* module_ = nullptr;
  CK_FUNCTION_LIST* functions_of_2_40_ = nullptr;
};

}  // namespace twinseal::fuzz
