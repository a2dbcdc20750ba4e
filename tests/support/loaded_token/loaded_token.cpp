#include "tests/support/loaded_token/loaded_token.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

namespace twinseal::test {
namespace {

CK_FUNCTION_LIST* Load(const std::string& path) {
  void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) throw std::runtime_error(dlerror());
  auto* const get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  if (get == nullptr) throw std::runtime_error(path + " is no PKCS#11 module");
  CK_FUNCTION_LIST* functions = nullptr;
  Check(get(&functions), "C_GetFunctionList");
  return functions;
}

}  // namespace

void Check(CK_RV rv, const char* what) {
  if (rv != CKR_OK) throw std::runtime_error(fmt::format("{} answered {:#x}", what, rv));
}

CK_BYTE* BytesOf(const std::string& text) {
  return reinterpret_cast<CK_BYTE*>(const_cast<char*>(text.data()));
}

LoadedToken::LoadedToken(const std::string& module, const std::string& label,
                         const std::string& pin)
    : functions_(Load(module)) {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  Check(functions_->C_Initialize(&arguments), "C_Initialize");
  slot_ = FindSlot(label);
  login_ = Open();
  Check(functions_->C_Login(login_, CKU_USER, BytesOf(pin), pin.size()), "C_Login");
}

LoadedToken::~LoadedToken() { functions_->C_Finalize(nullptr); }

CK_SLOT_ID LoadedToken::FindSlot(const std::string& label) const {
  CK_ULONG count = 0;
  Check(functions_->C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList");
  std::vector<CK_SLOT_ID> slots(count);
  Check(functions_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  std::string padded = label;
  padded.resize(sizeof CK_TOKEN_INFO::label, ' ');
  const auto found = std::ranges::find_if(slots, [&](CK_SLOT_ID slot) {
    CK_TOKEN_INFO info{};
    Check(functions_->C_GetTokenInfo(slot, &info), "C_GetTokenInfo");
    return padded == std::string_view(reinterpret_cast<char*>(info.label), sizeof info.label);
  });
  if (found == slots.end()) throw std::runtime_error("there is no token " + label);
  return *found;
}

CK_SESSION_HANDLE LoadedToken::Open() const {
  CK_SESSION_HANDLE session = 0;
  Check(functions_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session),
        "C_OpenSession");
  return session;
}

CK_OBJECT_HANDLE LoadedToken::Find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS of_class,
                                   const std::string& label) const {
  std::array wanted = {CK_ATTRIBUTE{CKA_CLASS, &of_class, sizeof of_class},
                       CK_ATTRIBUTE{CKA_LABEL, BytesOf(label), label.size()}};
  CK_OBJECT_HANDLE object = 0;
  CK_ULONG count = 0;
  Check(functions_->C_FindObjectsInit(session, wanted.data(), wanted.size()), "C_FindObjectsInit");
  Check(functions_->C_FindObjects(session, &object, 1, &count), "C_FindObjects");
  Check(functions_->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (count != 1) throw std::runtime_error("the token has no key " + label);
  return object;
}

}  // namespace twinseal::test
