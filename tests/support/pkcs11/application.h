// An application of a PKCS#11 module: the calls that belong together.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "agent/pkcs11/cryptoki.h"
#include "common/base/bytes.h"

namespace twinseal::test {

// Attributes with their values.
class Template {
 public:
  Template() = default;
  Template(const Template&) = delete;
  Template& operator=(const Template&) = delete;

  Template& Number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Template& Yes(CK_ATTRIBUTE_TYPE type);
  Template& No(CK_ATTRIBUTE_TYPE type);
  Template& Text(CK_ATTRIBUTE_TYPE type, std::string_view value);
  Template& Data(CK_ATTRIBUTE_TYPE type, const Bytes& value);

  CK_ATTRIBUTE* data() { return entries_.data(); }
  CK_ULONG size() const { return entries_.size(); }

 private:
  std::deque<Bytes> values_;
  std::vector<CK_ATTRIBUTE> entries_;
};

// Thread-safe as the module is.
class Application {
 public:
  explicit Application(CK_FUNCTION_LIST& module) : module_(module) {}

  CK_FUNCTION_LIST& module() const { return module_; }

  // CK_INVALID_HANDLE when it was refused.
  CK_SESSION_HANDLE OpenSession(CK_FLAGS more = CKF_RW_SESSION, CK_SLOT_ID slot = 0) const;
  CK_RV Login(CK_SESSION_HANDLE session, std::string_view pin) const;

  // All objects that the template describes; none when a call failed.
  std::vector<CK_OBJECT_HANDLE> FindAll(CK_SESSION_HANDLE session, Template& wanted) const;
  // CK_INVALID_HANDLE unless there is exactly one.
  CK_OBJECT_HANDLE FindKey(CK_SESSION_HANDLE session, CK_OBJECT_CLASS kind,
                           std::string_view label) const;
  // Empty when it cannot be had.
  Bytes Attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) const;

  // C_SignInit and C_Sign.
  CK_RV Sign(CK_SESSION_HANDLE session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
             BytesView data, Bytes& signature) const;
  CK_RV Verify(CK_SESSION_HANDLE session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
               BytesView data, BytesView signature) const;

 private:
  CK_FUNCTION_LIST& module_;
};

}  // namespace twinseal::test
