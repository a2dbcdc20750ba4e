// Which token is meant: its label, or a PKCS#11 URI (RFC 7512).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/base/result.h"

namespace twinseal::hsm {

// Every field that is set must match. None set matches every token.
struct TokenSelector {
  std::optional<std::string> label;         // token=
  std::optional<std::string> manufacturer;  // manufacturer=
  std::optional<std::string> model;         // model=
  std::optional<std::string> serial;        // serial=
  std::optional<unsigned long> slot_id;     // slot-id=

  // A label as it is, or a text that begins with "pkcs11:", read by RFC 7512 §2.3: percent-encoding
  // is undone, path attributes of objects and modules (object, id, type, library-*,
  // slot-description, slot-manufacturer) and all query attributes are refused by name, for they
  // would be ignored; so are pin-value and pin-source, which do not belong into a configuration.
  // invalid_argument says which part is wrong. An empty text is refused.
  static Result<TokenSelector> Parse(std::string_view text);

  // "token 'twinseal'", "token 'x' with serial '12'", "any token".
  std::string Describe() const;
};

}  // namespace twinseal::hsm
