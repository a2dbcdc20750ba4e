// The real twinseal-core on a SoftHSM token of the test's own.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/core_client/core_client.h"
#include "tests/support/core_client/core_program.h"
#include "tests/support/temp_folder.h"
#include "tests/support/token_fixture.h"

namespace twinseal::core {

class ProgramTest : public testing::Test {
 protected:
  // The token is not set up yet.
  ProgramTest() = default;

  // With the right PIN; tests change what they need.
  test::CoreArguments Arguments() const;
  // Runs the core with --initialize and has it make the appliance's keys.
  void SetTokenUp();
  // Starts the core to serve and connects to it.
  void Start() { Start(Arguments()); }
  void Start(const test::CoreArguments& arguments);

  // A key that is in the vault.
  v1::KeyHeader MakeKey(v1::Algorithm algorithm = v1::EC_P256, std::uint32_t max_signatures = 1);
  // A digest for ec-p256 and 256-bit schemes, different for each number.
  static std::string Digest(std::uint64_t number);
  static void ExpectSigned(const v1::KeyHeader& key, v1::Scheme scheme, const std::string& digest,
                           const std::string& signature);

  test::TestToken token_{test::TokenKind::kSoftHsm};
  test::TempFolder data_;
  std::unique_ptr<test::CoreProgram> core_;
  std::unique_ptr<test::CoreClient> client_;
};

// Of a start that is to fail: how the process ends.
test::CoreEnd EndOf(const test::CoreArguments& arguments, std::string* log = nullptr);

}  // namespace twinseal::core
