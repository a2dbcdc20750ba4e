// What an application's administrator puts on its machine: certificates, a key, pkcs11.conf.
#pragma once

#include <string>
#include <vector>

#include "tests/support/certificates.h"
#include "tests/support/temp_folder.h"

namespace twinseal::test {

// The PIN of the encrypted key.
inline constexpr const char* kPin = "1234";

class ClientFiles {
 public:
  // The client is of `ca`.
  explicit ClientFiles(const TestCa& ca);

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }
  void Write(const std::string& name, const std::string& content) const;

  // The path of a new pkcs11.conf. `more` follows the usual lines, whose names may not come again.
  std::string Configure(const std::vector<std::string>& endpoints, bool with_pin,
                        const std::string& more = "") const;
  // The three lines that name the files.
  std::string Identity(bool with_pin) const;

 private:
  TempFolder folder_;
};

}  // namespace twinseal::test
