// A token of a PKCS#11 module, as an application uses it: loaded, logged in to, asked for keys.
#pragma once

#include <string>

#include <p11-kit/pkcs11.h>

namespace twinseal::test {

// Every call throws std::runtime_error, with the function's name and its CK_RV, when it fails.
// Thread-safe. The module stays loaded; it is finalized at the end.
class LoadedToken {
 public:
  // Logs in to the token of that label.
  LoadedToken(const std::string& module, const std::string& label, const std::string& pin);
  ~LoadedToken();
  LoadedToken(const LoadedToken&) = delete;
  LoadedToken& operator=(const LoadedToken&) = delete;

  const CK_FUNCTION_LIST& functions() const { return *functions_; }
  CK_SESSION_HANDLE Open() const;
  // The one object of that class and label.
  CK_OBJECT_HANDLE Find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS of_class,
                        const std::string& label) const;

 private:
  CK_SLOT_ID FindSlot(const std::string& label) const;

  CK_FUNCTION_LIST* functions_ = nullptr;
  CK_SLOT_ID slot_ = 0;
  CK_SESSION_HANDLE login_ = 0;  // Kept open, so that the login lasts.
};

void Check(CK_RV rv, const char* what);

// For parameters that the standard does not declare const; nothing is written there.
CK_BYTE* BytesOf(const std::string& text);

}  // namespace twinseal::test
