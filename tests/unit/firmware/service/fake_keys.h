// Keys of the fake core: plain software keys.
#pragma once

#include <string>

namespace twinseal::service {

struct FakeKeyPair {
  std::string public_der;  // SubjectPublicKeyInfo.
  std::string private_der;
};

// Every algorithm is a P-256 key here: what is tested is who may do what when.
FakeKeyPair NewKeyPair();
std::string SignDigest(const std::string& private_der, const std::string& digest);

}  // namespace twinseal::service
