#include "hsm/pkcs11/uri.h"

#include <charconv>

#include <fmt/format.h>

#include "common/base/bytes.h"

namespace twinseal::hsm {
namespace {

constexpr std::string_view kScheme = "pkcs11:";
// Cryptoki's fixed lengths (PKCS#11 v2.40 §3.2): label, manufacturer; model, serial number.
constexpr std::size_t kLongField = 32;
constexpr std::size_t kShortField = 16;

Error Bad(std::string what) {
  return Error(Code::kInvalidArgument, "the HSM token: " + std::move(what));
}

// pk11-path-... characters that stand for themselves (RFC 7512 §2.3: unreserved and
// pk11-path-res-avail).
bool Plain(char c) {
  constexpr std::string_view kOthers = "-._~:[]@!$'()*+,=&";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

Result<std::string> Unescape(std::string_view name, std::string_view value) {
  std::string text;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '%') {
      if (!Plain(value[i]))
        return Bad(fmt::format("'{}' of the PKCS#11 URI has a character to be escaped", name));
      text.push_back(value[i]);
      continue;
    }
    const Result<Bytes> byte = i + 2 < value.size() ? HexDecode(value.substr(i + 1, 2))
                                                    : Error(Code::kInvalidArgument, "cut off");
    if (!byte.ok())
      return Bad(fmt::format("'{}' of the PKCS#11 URI has '%' without two hex digits", name));
    if (byte->front() == 0)
      return Bad(fmt::format("'{}' of the PKCS#11 URI has a NUL character", name));
    text.push_back(static_cast<char>(byte->front()));
    i += 2;
  }
  return text;
}

Status Take(std::optional<std::string>& field, std::size_t limit, std::string_view name,
            std::string value) {
  if (field.has_value()) return Bad(fmt::format("'{}' stands twice in the PKCS#11 URI", name));
  if (value.size() > limit)
    return Bad(fmt::format("'{}' has at most {} bytes, not {}", name, limit, value.size()));
  field = std::move(value);
  return Ok();
}

Status TakeSlot(std::optional<unsigned long>& field, std::string_view value) {
  if (field.has_value()) return Bad("'slot-id' stands twice in the PKCS#11 URI");
  unsigned long number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size())
    return Bad("'slot-id' is a decimal number");
  field = number;
  return Ok();
}

Status TakeAttribute(TokenSelector& selector, std::string_view attribute) {
  const std::size_t equals = attribute.find('=');
  if (equals == std::string_view::npos) {
    return Bad(fmt::format("the PKCS#11 URI has '{}' without a '='", attribute.substr(0, 32)));
  }
  const std::string_view name = attribute.substr(0, equals);
  TWINSEAL_ASSIGN_OR_RETURN(std::string value,
                            Unescape(name.substr(0, 32), attribute.substr(equals + 1)));
  if (name == "token") return Take(selector.label, kLongField, name, std::move(value));
  if (name == "manufacturer")
    return Take(selector.manufacturer, kLongField, name, std::move(value));
  if (name == "model") return Take(selector.model, kShortField, name, std::move(value));
  if (name == "serial") return Take(selector.serial, kShortField, name, std::move(value));
  if (name == "slot-id") return TakeSlot(selector.slot_id, value);
  return Bad(
      fmt::format("the PKCS#11 URI has '{}', which does not name a token", name.substr(0, 32)));
}

}  // namespace

Result<TokenSelector> TokenSelector::Parse(std::string_view text) {
  TokenSelector selector;
  if (text.empty()) return Bad("a label or a PKCS#11 URI is needed; it is empty");
  if (!text.starts_with(kScheme)) {
    if (text.find('\0') != std::string_view::npos) return Bad("its label has a NUL character");
    TWINSEAL_RETURN_IF_ERROR(Take(selector.label, kLongField, "label", std::string(text)));
    return selector;
  }
  text.remove_prefix(kScheme.size());
  if (text.find('?') != std::string_view::npos) {
    return Bad("the PKCS#11 URI has a query ('?'); modules and PINs are not taken from it");
  }
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    TWINSEAL_RETURN_IF_ERROR(TakeAttribute(selector, text.substr(0, end)));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) return Bad("the PKCS#11 URI ends with ';'");
  }
  return selector;
}

std::string TokenSelector::Describe() const {
  std::string text = label ? fmt::format("token '{}'", *label) : "any token";
  if (manufacturer) text += fmt::format(" of manufacturer '{}'", *manufacturer);
  if (model) text += fmt::format(" of model '{}'", *model);
  if (serial) text += fmt::format(" with serial '{}'", *serial);
  if (slot_id) text += fmt::format(" in slot {}", *slot_id);
  return text;
}

}  // namespace twinseal::hsm
