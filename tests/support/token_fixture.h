// Throw-away tokens for tests: a SoftHSM2 or an NSS softokn token in a temporary folder, gone with
// the object.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "common/base/secret.h"
#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::tests {

enum class TokenKind { kSoftHsm, kNss };

// For parameterized tests: "SoftHsm", "Nss".
std::string Name(TokenKind kind);

// A folder below the temporary folder that is removed with all that it holds.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// An initialized token with PINs. It is made by another process, so that this one may then load the
// module itself (Cryptoki is initialized once a process), directly or through the interposer.
// SOFTHSM2_CONF is set in this process's environment; there is one token at a time in a process.
class TestToken {
 public:
  static constexpr std::string_view kLabel = "twinseal-test";
  static constexpr std::string_view kPin = "test-user-pin";
  static constexpr std::string_view kSoPin = "test-so-pin";

  // Throws std::runtime_error when the module is not installed or the token cannot be made.
  explicit TestToken(TokenKind kind);
  ~TestToken();
  TestToken(const TestToken&) = delete;
  TestToken& operator=(const TestToken&) = delete;

  TokenKind kind() const { return kind_; }
  const std::filesystem::path& folder() const { return folder_.path(); }

  // Of the real module.
  hsm::ModuleOptions module() const;
  // Puts the interposer between: module() then names it, and Script() says what it does.
  void Interpose();
  // Replaces the interposer's script (grammar: tests/support/interposer/script.h). Takes effect at
  // the next call.
  void Script(std::string_view lines);

  hsm::TokenSelector selector() const;
  // With a RecoveryPolicy for tests: no delays to speak of.
  hsm::ConnectionOptions options() const;
  static Secret Pin();

 private:
  TokenKind kind_;
  TemporaryFolder folder_;
  bool interposed_ = false;
};

}  // namespace twinseal::tests
