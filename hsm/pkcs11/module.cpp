#include "hsm/pkcs11/module.h"

#include <filesystem>
#include <utility>

#include <dlfcn.h>
#include <fmt/format.h>

#include "hsm/pkcs11/locks.h"
#include "hsm/pkcs11/rv.h"
#include "hsm/pkcs11/text.h"

namespace twinseal::hsm {
namespace {

// NSS softokn reads one pointer more than the standard's structure has (its own reserved field
// follows its parameter string); a module that knows only the standard's never looks there.
struct InitializeArguments {
  CK_C_INITIALIZE_ARGS standard;
  void* nss_reserved;
};

std::string VersionText(const CK_VERSION& version) {
  return fmt::format("{}.{}", version.major, version.minor);
}

}  // namespace

void Module::Unload::operator()(void* library) const noexcept { dlclose(library); }

Module::Module(ModuleOptions options, void* library, CK_FUNCTION_LIST* functions)
    : options_(std::move(options)), library_(library), functions_(functions) {}

Module::~Module() { Finalize(); }

Module::Module(Module&& other) noexcept
    : options_(std::move(other.options_)),
      library_(std::move(other.library_)),
      functions_(std::exchange(other.functions_, nullptr)),
      initialized_(std::exchange(other.initialized_, false)) {}

Module& Module::operator=(Module&& other) noexcept {
  if (this != &other) {
    Finalize();
    options_ = std::move(other.options_);
    library_ = std::move(other.library_);
    functions_ = std::exchange(other.functions_, nullptr);
    initialized_ = std::exchange(other.initialized_, false);
  }
  return *this;
}

Result<Module> Module::Load(ModuleOptions options) {
  std::error_code error;
  if (options.path.empty()) {
    return Error(Code::kFailedPrecondition,
                 "no PKCS#11 module is configured; name the HSM vendor's shared object");
  }
  // A name without a slash is searched for as the dynamic linker does it.
  if (options.path.find('/') != std::string::npos &&
      !std::filesystem::exists(options.path, error)) {
    return Error(Code::kNotFound,
                 fmt::format("the PKCS#11 module {} does not exist; install the HSM's software or "
                             "correct the path",
                             options.path));
  }
  // RTLD_NODELETE: the code stays mapped when the handle is closed. Modules, and the OpenSSL below
  // them, leave handlers behind that run when a thread or the process ends.
  void* const library = dlopen(options.path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const char* const reason = dlerror();
    return Error(Code::kFailedPrecondition,
                 fmt::format("the PKCS#11 module {} cannot be loaded: {}", options.path,
                             reason != nullptr ? reason : "no reason given"));
  }
  Module module(std::move(options), library, nullptr);
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  if (get_list == nullptr) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} is not a PKCS#11 module: it has no C_GetFunctionList",
                             module.options_.path));
  }
  if (const CK_RV rv = get_list(&module.functions_); rv != CKR_OK || module.functions_ == nullptr) {
    return RvError(rv != CKR_OK ? rv : CKR_GENERAL_ERROR,
                   "C_GetFunctionList of " + module.options_.path);
  }
  TWINSEAL_RETURN_IF_ERROR(module.Initialize());
  return module;
}

Status Module::Initialize() {
  InitializeArguments arguments{};
  std::string init_string = options_.init_string;
  if (!init_string.empty()) arguments.standard.pReserved = init_string.data();
  LendLocks(arguments.standard);
  CK_RV rv = functions_->C_Initialize(&arguments);
  if (rv == CKR_CANT_LOCK) {
    // It takes no locks but those of the operating system.
    arguments.standard.flags = CKF_OS_LOCKING_OK;
    rv = functions_->C_Initialize(&arguments);
  }
  if (rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) return Ok();
  if (rv != CKR_OK)
    return RvError(rv, fmt::format("initializing the PKCS#11 module {}", options_.path));
  initialized_ = true;
  return Ok();
}

void Module::Finalize() noexcept {
  if (std::exchange(initialized_, false)) functions_->C_Finalize(nullptr);
}

Status Module::Reinitialize() {
  // Also when another part of the process initialized it: the module is in a state in which nothing
  // works.
  (void)functions_->C_Finalize(nullptr);
  initialized_ = false;
  return Initialize();
}

Result<ModuleInfo> Module::Info() const {
  CK_INFO info{};
  if (const CK_RV rv = functions_->C_GetInfo(&info); rv != CKR_OK) return RvError(rv, "C_GetInfo");
  return ModuleInfo{Unpad(info.manufacturerID), Unpad(info.libraryDescription),
                    VersionText(info.libraryVersion), VersionText(info.cryptokiVersion)};
}

}  // namespace twinseal::hsm
