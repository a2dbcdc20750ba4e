// Types for what would otherwise be strings and integers: they do not mix, and a made one is a
// valid one.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace twinseal {

// Names a key for ever: 16 random bytes, printed as 32 hexadecimal digits. The same at every site.
class KeyId {
 public:
  static constexpr std::size_t kSize = 16;

  // 16 zero bytes: names no key.
  KeyId() = default;
  // invalid_argument unless there are exactly 16 bytes, or 32 hexadecimal digits.
  static Result<KeyId> FromBytes(BytesView bytes);
  static Result<KeyId> FromHex(std::string_view hex);
  // From OpenSSL's random generator.
  static KeyId Random();

  BytesView bytes() const { return bytes_; }
  std::string Hex() const { return HexEncode(bytes_); }

  friend auto operator<=>(const KeyId&, const KeyId&) = default;

 private:
  std::array<std::uint8_t, kSize> bytes_{};
};

// 1 for a new key; rotation makes the next.
enum class KeyVersion : std::uint32_t {};
constexpr std::uint32_t Number(KeyVersion version) { return static_cast<std::uint32_t>(version); }

// Counts the changes of one key's state and policy, from 1. It never goes back.
enum class KeyRevision : std::uint64_t {};
constexpr std::uint64_t Number(KeyRevision revision) {
  return static_cast<std::uint64_t>(revision);
}

// Counts the vault blobs made of one key at one site, from 1, across its versions. It never goes
// back.
enum class Generation : std::uint64_t {};
constexpr std::uint64_t Number(Generation generation) {
  return static_cast<std::uint64_t>(generation);
}

// What people call a key: 1 to 64 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit.
// Names that begin with "twinseal." belong to the appliance.
class KeyName {
 public:
  static constexpr std::size_t kMaxSize = 64;
  static constexpr std::string_view kReservedPrefix = "twinseal.";

  // invalid_argument that says which rule was broken; it never repeats more than the first bytes of
  // `text`.
  static Result<KeyName> Parse(std::string_view text);

  const std::string& text() const { return text_; }
  bool reserved() const { return text_.starts_with(kReservedPrefix); }

  friend auto operator<=>(const KeyName&, const KeyName&) = default;

 private:
  explicit KeyName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// A data centre's short name: 1 to 16 of a-z, 0-9 and '-', beginning with a letter.
class SiteName {
 public:
  static constexpr std::size_t kMaxSize = 16;

  static Result<SiteName> Parse(std::string_view text);

  const std::string& text() const { return text_; }

  friend auto operator<=>(const SiteName&, const SiteName&) = default;

 private:
  explicit SiteName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// Chosen by the caller, so that a mutation sent twice happens once: 8 to 64 of A-Z, a-z, 0-9, '-'
// and '_'.
class RequestId {
 public:
  static constexpr std::size_t kMinSize = 8;
  static constexpr std::size_t kMaxSize = 64;

  static Result<RequestId> Parse(std::string_view text);
  // 128 random bits.
  static RequestId Random();

  const std::string& text() const { return text_; }

  friend auto operator<=>(const RequestId&, const RequestId&) = default;

 private:
  explicit RequestId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace twinseal

template <>
struct std::hash<twinseal::KeyId> {
  // The bytes are random already, so the first eight of them are the hash.
  std::size_t operator()(const twinseal::KeyId& id) const noexcept;
};
