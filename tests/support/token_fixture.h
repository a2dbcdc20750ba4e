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
#include "tests/support/temp_folder.h"

namespace twinseal::test {

enum class TokenKind { kSoftHsm, kNss };

// For parameterized tests: "SoftHsm", "Nss".
std::string Name(TokenKind kind);

// An initialized token with PINs. Nothing has the module open when the constructor returns: the
// test opens it itself, directly or through the interposer. Where the token is and what the
// interposer does is told to the modules through this process's environment (SOFTHSM2_CONF,
// TWINSEAL_INTERPOSER_*), so there is one token at a time in a process.
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
  // Puts the interposer between: module() then names it, and Script() says what it does. Before the
  // module is opened.
  void Interpose();
  // Replaces the interposer's script (grammar: tests/support/interposer/script.h). Takes effect at
  // the next call.
  void Script(std::string_view lines);

  hsm::TokenSelector selector() const;
  // With a RecoveryPolicy for tests: next to no delays.
  hsm::ConnectionOptions options() const;
  static Secret Pin();

 private:
  TokenKind kind_;
  TempFolder folder_;
  bool interposed_ = false;
};

}  // namespace twinseal::test
