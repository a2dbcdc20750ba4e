// A value or an Error. Must be looked at: dropping one does not compile under -Werror.
//
//   Result<Digest> Hash(...);
//   TWINSEAL_ASSIGN_OR_RETURN(const Digest digest, Hash(...));
//   TWINSEAL_RETURN_IF_ERROR(store.Put(digest));
#pragma once

#include <type_traits>
#include <utility>
#include <variant>

#include "common/base/error.h"

namespace twinseal {

template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = T;

  Result(T value)
      : held_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit on purpose
  Result(Error error)
      : held_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Only when ok().
  T& value() & { return std::get<0>(held_); }
  const T& value() const& { return std::get<0>(held_); }
  T&& value() && { return std::get<0>(std::move(held_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // Only when not ok().
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<T, Error> held_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;

  Result() = default;
  Result(Error error) : held_(std::move(error)) {}  // NOLINT: implicit on purpose

  bool ok() const { return held_.index() == 0; }
  explicit operator bool() const { return ok(); }
  const Error& error() const { return std::get<1>(held_); }

 private:
  std::variant<std::monostate, Error> held_;
};

using Status = Result<void>;

inline Status Ok() { return {}; }

#define TWINSEAL_CONCAT_INNER(a, b) a##b
#define TWINSEAL_CONCAT(a, b) TWINSEAL_CONCAT_INNER(a, b)

#define TWINSEAL_RETURN_IF_ERROR(expression)                          \
  do {                                                                \
    if (auto twinseal_status = (expression); !twinseal_status.ok()) { \
      return twinseal_status.error();                                 \
    }                                                                 \
  } while (false)

#define TWINSEAL_ASSIGN_OR_RETURN(declaration, expression)                                  \
  TWINSEAL_ASSIGN_OR_RETURN_INNER(TWINSEAL_CONCAT(twinseal_result_, __LINE__), declaration, \
                                  expression)
#define TWINSEAL_ASSIGN_OR_RETURN_INNER(result, declaration, expression) \
  auto result = (expression);                                            \
  if (!result.ok()) return result.error();                               \
  declaration = std::move(result).value()

}  // namespace twinseal
