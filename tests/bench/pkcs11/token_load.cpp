#include "tests/bench/pkcs11/token_load.h"

#include <array>
#include <string_view>
#include <vector>

#include <dlfcn.h>
#include <fmt/format.h>

#include "tests/bench/parts/fail.h"

namespace twinseal::bench {
namespace {

void Check(CK_RV rv, std::string_view what) {
  if (rv != CKR_OK) Fail(fmt::format("{}: CK_RV {:#x}", what, rv));
}

CK_FUNCTION_LIST* Load(const std::string& path) {
  void* const module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) Fail(dlerror());
  auto* const get = reinterpret_cast<CK_C_GetFunctionList>(dlsym(module, "C_GetFunctionList"));
  CK_FUNCTION_LIST* list = nullptr;
  if (get == nullptr || get(&list) != CKR_OK) Fail(path + " is no PKCS#11 module");
  return list;
}

bool HasLabel(const CK_FUNCTION_LIST& list, CK_SLOT_ID slot, const std::string& label) {
  CK_TOKEN_INFO info{};
  if (list.C_GetTokenInfo(slot, &info) != CKR_OK) return false;
  std::string padded = label;
  padded.resize(sizeof info.label, ' ');
  return padded == std::string_view(reinterpret_cast<const char*>(info.label), sizeof info.label);
}

CK_BYTE* Bytes(const std::string& text) {
  return reinterpret_cast<CK_BYTE*>(const_cast<char*>(text.data()));
}

}  // namespace

TokenLoad::TokenLoad(const std::string& module, const std::string& token, const std::string& pin)
    : list_(Load(module)) {
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  Check(list_->C_Initialize(&arguments), "C_Initialize");
  CK_ULONG count = 0;
  Check(list_->C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList");
  std::vector<CK_SLOT_ID> slots(count);
  Check(list_->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  bool found = false;
  for (const CK_SLOT_ID slot : slots) {
    if (!HasLabel(*list_, slot, token)) continue;
    slot_ = slot;
    found = true;
  }
  if (!found) Fail("the module has no token '" + token + "'");
  login_ = Open();
  Check(list_->C_Login(login_, CKU_USER, Bytes(pin), pin.size()), "C_Login");
}

TokenLoad::~TokenLoad() { list_->C_Finalize(nullptr); }

CK_SESSION_HANDLE TokenLoad::Open() const {
  CK_SESSION_HANDLE session = 0;
  Check(list_->C_OpenSession(slot_, CKF_SERIAL_SESSION, nullptr, nullptr, &session),
        "C_OpenSession");
  return session;
}

CK_OBJECT_HANDLE TokenLoad::Key(CK_SESSION_HANDLE session, const std::string& label) const {
  CK_OBJECT_CLASS of_class = CKO_PRIVATE_KEY;
  std::array wanted = {CK_ATTRIBUTE{CKA_CLASS, &of_class, sizeof of_class},
                       CK_ATTRIBUTE{CKA_LABEL, Bytes(label), label.size()}};
  CK_OBJECT_HANDLE key = 0;
  CK_ULONG count = 0;
  Check(list_->C_FindObjectsInit(session, wanted.data(), wanted.size()), "C_FindObjectsInit");
  Check(list_->C_FindObjects(session, &key, 1, &count), "C_FindObjects");
  Check(list_->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  if (count != 1) Fail("the token has no private key '" + label + "'");
  return key;
}

void TokenLoad::Sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, const Work& work) const {
  CK_MECHANISM mechanism{work.mechanism, nullptr, 0};
  std::array<CK_BYTE, 512> signature{};
  CK_ULONG size = signature.size();
  Check(list_->C_SignInit(session, &mechanism, key), "C_SignInit");
  Check(list_->C_Sign(session, Bytes(work.data), work.data.size(), signature.data(), &size),
        "C_Sign");
}

Sample TokenLoad::Sign(unsigned threads, const Work& work, Milliseconds duration) const {
  return RunFor(threads, duration, [&](unsigned) -> std::function<unsigned()> {
    const CK_SESSION_HANDLE session = Open();
    const CK_OBJECT_HANDLE key = Key(session, work.key);
    return [this, session, key, &work] {
      Sign(session, key, work);
      return 1U;
    };
  });
}

void TokenLoad::SignOnce(const Work& work) const {
  const CK_SESSION_HANDLE session = Open();
  Sign(session, Key(session, work.key), work);
}

Sample TokenLoad::Find(const std::string& key, Milliseconds duration) const {
  return RunFor(1, duration, [&](unsigned) -> std::function<unsigned()> {
    const CK_SESSION_HANDLE session = Open();
    return [this, session, &key] {
      Key(session, key);
      return 1U;
    };
  });
}

}  // namespace twinseal::bench
