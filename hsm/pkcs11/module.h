// A PKCS#11 module: loaded, initialized, and finalized again.
#pragma once

#include <memory>
#include <string>

#include "common/base/result.h"
#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

struct ModuleOptions {
  std::string path;  // Of the shared object.
  // Handed to C_Initialize as pReserved; empty for a null pointer. NSS softokn wants its configdir
  // string here.
  std::string init_string;
};

struct ModuleInfo {
  std::string manufacturer;
  std::string description;
  std::string library_version;   // "2.6"
  std::string cryptoki_version;  // "2.40"
};

// One process loads a module once: C_Initialize is a matter of the whole process. Move-only;
// finalizes and unloads when it dies. functions() may be used from several threads at once
// (the module is lent locks of ours, or told to use the operating system's when it takes none);
// Initialize and Finalize exclude every other call, which is Connection's task.
class Module {
 public:
  // not_found when the file does not exist, failed_precondition when it is no PKCS#11 module, else
  // what C_Initialize says. A module that another part of the process initialized before is taken
  // as it is, and not finalized.
  static Result<Module> Load(ModuleOptions options);
  ~Module();

  Module(Module&&) noexcept;
  Module& operator=(Module&&) noexcept;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  const ModuleOptions& options() const { return options_; }
  // False when another part of the process had initialized the module before: then that part may be
  // logged in.
  bool initialized_here() const { return initialized_; }

  Result<ModuleInfo> Info() const;

  // C_Finalize, then C_Initialize: every session, login and object handle is gone. No other call
  // may be under way.
  Status Reinitialize();

  // Leaves the module initialized when this object dies: a call that does not return is still under
  // way in it.
  void Abandon() { initialized_ = false; }

 private:
  struct Unload {
    void operator()(void* library) const noexcept;
  };

  Module(ModuleOptions options, void* library, CK_FUNCTION_LIST* functions);
  Status Initialize();
  void Finalize() noexcept;

  ModuleOptions options_;
  std::unique_ptr<void, Unload> library_;
  CK_FUNCTION_LIST* functions_ = nullptr;
  bool initialized_ = false;  // By us: so it is ours to finalize.
};

}  // namespace twinseal::hsm
