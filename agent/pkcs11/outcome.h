// A value, or the CK_RV to answer and why, for the log.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "agent/pkcs11/cryptoki.h"
#include "common/base/error.h"

namespace twinseal::pkcs11 {

struct Failure {
  Failure(CK_RV code) : rv(code) {}  // NOLINT: implicit on purpose
  Failure(CK_RV code, std::string words) : rv(code), why(std::move(words)) {}

  CK_RV rv;
  std::string why;  // For the log; empty where the CK_RV says everything.
};

// What an appliance, or the way to one, answered, as a CK_RV: PKCS#11 v2.40 §5.1. The words go to
// the log.
Failure FailureOf(const Error& error);
// The same for C_DestroyObject: CKR_OBJECT_HANDLE_INVALID for what is not there,
// CKR_ACTION_PROHIBITED for what the client may not.
Failure FailureOfDestroying(const Error& error);

template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit
  Outcome(Failure failure) : held_(std::in_place_index<1>, std::move(failure)) {}  // NOLINT
  Outcome(const Error& error) : Outcome(FailureOf(error)) {}  // NOLINT: implicit

  bool ok() const { return held_.index() == 0; }
  // Only when ok().
  T& value() & { return std::get<0>(held_); }
  T&& value() && { return std::get<0>(std::move(held_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return std::get<0>(held_); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  // Only when not ok().
  const Failure& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, Failure> held_;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  Outcome() = default;
  Outcome(Failure failure) : failure_(std::move(failure)) {}  // NOLINT: implicit
  Outcome(const Error& error) : Outcome(FailureOf(error)) {}  // NOLINT: implicit

  bool ok() const { return !failure_; }
  // Only when not ok().
  const Failure& error() const { return *failure_; }

 private:
  std::optional<Failure> failure_;
};

using Done = Outcome<void>;

}  // namespace twinseal::pkcs11
