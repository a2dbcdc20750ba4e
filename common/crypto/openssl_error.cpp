#include "common/crypto/openssl_error.h"

#include <fmt/format.h>
#include <openssl/err.h>

namespace twinseal::crypto {

std::string TakeOpensslErrors() {
  std::string text;
  while (const unsigned long code = ERR_get_error()) {
    const char* const library = ERR_lib_error_string(code);
    const char* const reason = ERR_reason_error_string(code);
    if (!text.empty()) text += "; ";
    text += fmt::format("{}: {}", library == nullptr ? "OpenSSL" : library,
                        reason == nullptr ? fmt::format("error {:#x}", code) : reason);
  }
  return text.empty() ? "OpenSSL gives no reason" : text;
}

Error OpensslError(Code code, std::string_view what, std::source_location where) {
  return Error(code, fmt::format("{}: {}", what, TakeOpensslErrors()), "OpenSSL", where);
}

}  // namespace twinseal::crypto
