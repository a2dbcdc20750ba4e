// Cryptoki's fixed-length texts, padded with blanks and not terminated (PKCS#11 v2.40 §3).
#pragma once

#include <algorithm>
#include <string>

#include "hsm/pkcs11/cryptoki.h"

namespace twinseal::hsm {

template <std::size_t kSize>
std::string Unpad(const CK_UTF8CHAR (&field)[kSize]) {
  std::string text(field, field + kSize);
  // Some modules end the text with a NUL nevertheless.
  text.resize(std::min(text.find('\0'), text.size()));
  text.resize(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace twinseal::hsm
