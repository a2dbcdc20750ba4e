#include "common/crypto/openssl_error.h"

#include <array>
#include <string>

#include <fmt/format.h>
#include <openssl/err.h>

namespace twinseal::crypto {

Error OpenSslError(Code code, std::string_view what, std::source_location where) {
  // The first error is the one nearest to the cause.
  const unsigned long first = ERR_get_error();
  ERR_clear_error();
  if (first == 0)
    return Error(code, fmt::format("{}: OpenSSL failed and did not say why", what), "", where);
  std::array<char, 256> text{};
  ERR_error_string_n(first, text.data(), text.size());
  const char* const reason = ERR_reason_error_string(first);
  return Error(code, fmt::format("{}: {}", what, reason == nullptr ? text.data() : reason),
               text.data(), where);
}

}  // namespace twinseal::crypto
