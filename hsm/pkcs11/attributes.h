// Attribute templates without allocation: filled in on the stack, handed to a Session.
//
//   Template t;
//   t.Ulong(CKA_CLASS, CKO_SECRET_KEY).Bool(CKA_TOKEN, false).Text(CKA_LABEL, "site");
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "common/base/bytes.h"
#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

// Copyable. Bytes and texts are borrowed: they outlive the template. A template has room for
// kMaxAttributes; one more ends the process, because it is a mistake in the program that no input
// can cause.
class Template {
 public:
  static constexpr std::size_t kMaxAttributes = 24;

  Template& Bool(CK_ATTRIBUTE_TYPE type, bool value);
  Template& Ulong(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Template& Data(CK_ATTRIBUTE_TYPE type, BytesView value);
  Template& Text(CK_ATTRIBUTE_TYPE type, std::string_view value) {
    return Data(type, AsBytes(value));
  }

  std::size_t size() const { return size_; }

 private:
  friend class Session;

  // May be called once: only on the copy that a Session got by value. The array that a C_ function
  // takes; valid until the template changes, moves or dies. Cryptoki takes templates without const
  // and does not write to those that come this way.
  std::span<CK_ATTRIBUTE> Attributes();

  CK_ATTRIBUTE& Next(CK_ATTRIBUTE_TYPE type);

  std::array<CK_ATTRIBUTE, kMaxAttributes> attributes_{};
  std::array<CK_ULONG, kMaxAttributes>
      numbers_{};  // Where an attribute's pValue is null and its length is not 0.
  std::size_t size_ = 0;
};

}  // namespace twinseal::hsm
