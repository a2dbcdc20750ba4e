#include "tests/support/token_fixture.h"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "hsm/pkcs11/token.h"

namespace twinseal::test {
namespace {

constexpr const char* kSoftHsmModule = "/usr/lib/softhsm/libsofthsm2.so";

void Check(const Status& status) {
  if (!status.ok()) throw std::runtime_error("the test token: " + status.error().Describe());
}

template <typename T>
T Check(Result<T> result) {
  if (!result.ok()) throw std::runtime_error("the test token: " + result.error().Describe());
  return std::move(result).value();
}

void WriteFile(const std::filesystem::path& path, std::string_view text) {
  // Put in place whole, so that a reader never sees half of it.
  const std::filesystem::path fresh = path.string() + ".new";
  {
    std::ofstream file(fresh);
    file << text;
    if (!file.flush()) throw std::runtime_error("cannot write " + fresh.string());
  }
  std::filesystem::rename(fresh, path);
}

// A test in this process before may have left the module initialized, as a connection does that
// needs a restart.
hsm::Module LoadFresh(const hsm::ModuleOptions& options) {
  hsm::Module module = Check(hsm::Module::Load(options));
  if (!module.initialized_here()) Check(module.Reinitialize());
  return module;
}

void MakeSoftHsmToken(const hsm::ModuleOptions& options) {
  const hsm::Module module = LoadFresh(options);
  const hsm::TokenInfo blank = Check(hsm::FindBlankToken(module));
  const Secret so_pin(AsBytes(TestToken::kSoPin));
  const hsm::TokenInfo token =
      Check(hsm::InitializeToken(module, blank.slot, so_pin, TestToken::kLabel));
  Check(hsm::InitializePin(module, token.slot, so_pin, TestToken::Pin()));
}

void MakeNssToken(const hsm::ModuleOptions& options) {
  const hsm::Module module = LoadFresh(options);
  // Without a PIN its database token counts as blank; its label comes from the init string.
  const hsm::TokenInfo blank = Check(hsm::FindBlankToken(module));
  const hsm::TokenInfo token =
      Check(hsm::InitializeToken(module, blank.slot, Secret(), TestToken::kLabel));
  Check(hsm::InitializePin(module, token.slot, Secret(), TestToken::Pin()));
}

}  // namespace

std::string Name(TokenKind kind) { return kind == TokenKind::kSoftHsm ? "SoftHsm" : "Nss"; }

TestToken::TestToken(TokenKind kind) : kind_(kind) {
  if (kind == TokenKind::kSoftHsm) {
    std::filesystem::create_directory(folder() / "tokens");
    const std::filesystem::path config = folder() / "softhsm2.conf";
    WriteFile(config, "directories.tokendir = " + (folder() / "tokens").string() +
                          "\nobjectstore.backend = file\nlog.level = ERROR\n");
    setenv("SOFTHSM2_CONF", config.c_str(), 1);
    MakeSoftHsmToken(module());
  } else {
    MakeNssToken(module());
  }
}

TestToken::~TestToken() {
  unsetenv("SOFTHSM2_CONF");
  unsetenv("TWINSEAL_INTERPOSER_MODULE");
  unsetenv("TWINSEAL_INTERPOSER_SCRIPT");
}

hsm::ModuleOptions TestToken::module() const {
  hsm::ModuleOptions options;
  if (kind_ == TokenKind::kSoftHsm) {
    options.path = kSoftHsmModule;
  } else {
    options.path = TWINSEAL_NSS_SOFTOKN;
    options.init_string = "configdir='sql:" + folder().string() +
                          "' certPrefix='' keyPrefix='' secmod='secmod.db' flags=passwordRequired "
                          "dbTokenDescription='" +
                          std::string(kLabel) + "'";
  }
  if (interposed_) options.path = TWINSEAL_INTERPOSER;
  return options;
}

void TestToken::Interpose() {
  const std::string real = module().path;
  setenv("TWINSEAL_INTERPOSER_MODULE", real.c_str(), 1);
  const std::filesystem::path script = folder() / "script";
  setenv("TWINSEAL_INTERPOSER_SCRIPT", script.c_str(), 1);
  interposed_ = true;
  Script("");
}

void TestToken::Script(std::string_view lines) { WriteFile(folder() / "script", lines); }

hsm::TokenSelector TestToken::selector() const {
  hsm::TokenSelector selector;
  selector.label = std::string(kLabel);
  return selector;
}

hsm::ConnectionOptions TestToken::options() const {
  hsm::ConnectionOptions options;
  options.module = module();
  options.token = selector();
  options.recovery.first_delay = std::chrono::milliseconds(0);
  return options;
}

Secret TestToken::Pin() { return Secret(AsBytes(kPin)); }

}  // namespace twinseal::test
