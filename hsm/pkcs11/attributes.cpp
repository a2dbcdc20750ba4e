#include "hsm/pkcs11/attributes.h"

#include <cstdlib>

namespace twinseal::hsm {
namespace {

// Cryptoki's templates are not const, but input templates are only read.
void* Pointer(const void* data) { return const_cast<void*>(data); }

constexpr CK_BBOOL kTrue = CK_TRUE;
constexpr CK_BBOOL kFalse = CK_FALSE;
// An empty value still has an address, so that it is not taken for a number.
constexpr CK_BYTE kEmpty = 0;

}  // namespace

CK_ATTRIBUTE& Template::Next(CK_ATTRIBUTE_TYPE type) {
  if (size_ == kMaxAttributes) std::abort();
  CK_ATTRIBUTE& attribute = attributes_[size_++];
  attribute.type = type;
  return attribute;
}

Template& Template::Bool(CK_ATTRIBUTE_TYPE type, bool value) {
  CK_ATTRIBUTE& attribute = Next(type);
  attribute.pValue = Pointer(value ? &kTrue : &kFalse);
  attribute.ulValueLen = sizeof(CK_BBOOL);
  return *this;
}

Template& Template::Ulong(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  numbers_[size_ < kMaxAttributes ? size_ : 0] = value;
  CK_ATTRIBUTE& attribute = Next(type);
  attribute.pValue = nullptr;
  attribute.ulValueLen = sizeof(CK_ULONG);
  return *this;
}

Template& Template::Data(CK_ATTRIBUTE_TYPE type, BytesView value) {
  CK_ATTRIBUTE& attribute = Next(type);
  attribute.pValue = Pointer(value.empty() ? static_cast<const void*>(&kEmpty) : value.data());
  attribute.ulValueLen = value.size();
  return *this;
}

std::span<CK_ATTRIBUTE> Template::Attributes() {
  // Numbers are pointed to only here, so that a template may be copied.
  for (std::size_t i = 0; i < size_; ++i) {
    if (attributes_[i].pValue == nullptr) attributes_[i].pValue = &numbers_[i];
  }
  return {attributes_.data(), size_};
}

}  // namespace twinseal::hsm
