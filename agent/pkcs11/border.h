// From C to C++ and back: no exception passes, what went wrong is logged, OpenSSL's errors of it go
// no further.
#pragma once

#include <exception>
#include <new>

#include "agent/pkcs11/cryptoki.h"
#include "agent/pkcs11/library.h"
#include "agent/pkcs11/outcome.h"

namespace twinseal::pkcs11 {

// The CK_RV of what a call came to; the log gets the words, if there are any.
CK_RV Conclude(const Done& done) noexcept;

// OpenSSL keeps a list of errors for each thread, which the application may share with the module:
// SSL_get_error() takes whatever is there for an error of the application's own connection.
class OwnOpensslErrors {
 public:
  OwnOpensslErrors() noexcept;
  // Takes those off the list that have come since.
  ~OwnOpensslErrors();
  OwnOpensslErrors(const OwnOpensslErrors&) = delete;
  OwnOpensslErrors& operator=(const OwnOpensslErrors&) = delete;
};

template <typename Work>
CK_RV AtBorder(const Work& work) noexcept {
  const OwnOpensslErrors errors;
  try {
    return Conclude(work());
  } catch (const std::bad_alloc&) {
    return CKR_HOST_MEMORY;
  } catch (...) {
    return CKR_GENERAL_ERROR;
  }
}

// Makes an entry of a function list of a function that takes the same parameters.
template <auto Work, typename... Parameters>
constexpr void Bind(CK_RV (*&entry)(Parameters...)) {
  entry = [](Parameters... parameters) -> CK_RV {
    return AtBorder([&] { return Work(parameters...); });
  };
}

// An entry for what the module does not do.
template <typename... Parameters>
constexpr void Lack(CK_RV (*&entry)(Parameters...)) {
  entry = [](Parameters...) -> CK_RV { return CKR_FUNCTION_NOT_SUPPORTED; };
}

}  // namespace twinseal::pkcs11
