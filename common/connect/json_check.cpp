#include "common/connect/json_check.h"

#include <array>
#include <optional>
#include <set>
#include <string>

#include <fmt/format.h>

#include "common/connect/codec.h"
#include "common/connect/utf8.h"

namespace twinseal::connect {
namespace {

class JsonChecker {
 public:
  JsonChecker(std::string_view text, int max_depth) : text_(text), max_depth_(max_depth) {}

  Status Check() {
    TWINSEAL_RETURN_IF_ERROR(Value(0));
    SkipSpace();
    return at_ == text_.size() ? Ok() : Wrong("there is something behind the JSON value");
  }

 private:
  Status Wrong(std::string_view what) const {
    return Error(Code::kInvalidArgument,
                 fmt::format("the body is not JSON: {} at byte {}", what, at_));
  }

  bool AtEnd() const { return at_ == text_.size(); }
  bool Next(char c) const { return !AtEnd() && text_[at_] == c; }
  bool NextDigit() const { return !AtEnd() && text_[at_] >= '0' && text_[at_] <= '9'; }
  bool Take(char c) {
    if (!Next(c)) return false;
    ++at_;
    return true;
  }
  void SkipSpace() {
    while (Next(' ') || Next('\t') || Next('\n') || Next('\r')) ++at_;
  }

  Status Value(int depth) {
    SkipSpace();
    if (AtEnd()) return Wrong("a value is missing");
    if (depth == max_depth_) return Wrong("it is nested too deeply");
    switch (text_[at_]) {
      case '{':
        return Object(depth);
      case '[':
        return Array(depth);
      case '"': {
        std::string ignored;
        return String(ignored);
      }
      case 't':
        return Word("true");
      case 'f':
        return Word("false");
      case 'n':
        return Word("null");
      default:
        return Number();
    }
  }

  Status Object(int depth) {
    ++at_;
    std::set<std::string> keys;
    SkipSpace();
    if (Take('}')) return Ok();
    while (true) {
      SkipSpace();
      if (!Next('"')) return Wrong("a key in double quotes is missing");
      std::string key;
      TWINSEAL_RETURN_IF_ERROR(String(key));
      if (const auto [place, fresh] = keys.insert(std::move(key)); !fresh) {
        return Error(Code::kInvalidArgument,
                     fmt::format("{}: the field is there twice", Quoted(*place)));
      }
      SkipSpace();
      if (!Take(':')) return Wrong("a colon is missing");
      TWINSEAL_RETURN_IF_ERROR(Value(depth + 1));
      SkipSpace();
      if (Take('}')) return Ok();
      if (!Take(',')) return Wrong("a comma or a closing brace is missing");
    }
  }

  Status Array(int depth) {
    ++at_;
    SkipSpace();
    if (Take(']')) return Ok();
    while (true) {
      TWINSEAL_RETURN_IF_ERROR(Value(depth + 1));
      SkipSpace();
      if (Take(']')) return Ok();
      if (!Take(',')) return Wrong("a comma or a closing bracket is missing");
    }
  }

  Status Word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return Wrong("an unknown word stands");
    at_ += word.size();
    return Ok();
  }

  // RFC 8259 §6.
  Status Number() {
    Take('-');
    if (!NextDigit()) return Wrong("a value is missing or misspelt");
    if (!Take('0')) SkipDigits();
    if (Take('.')) {
      if (!NextDigit()) return Wrong("a digit is missing");
      SkipDigits();
    }
    if (Take('e') || Take('E')) {
      if (!Take('+')) Take('-');
      if (!NextDigit()) return Wrong("a digit is missing");
      SkipDigits();
    }
    return Ok();
  }
  void SkipDigits() {
    while (NextDigit()) ++at_;
  }

  // §7. Puts what the string says into `value`.
  Status String(std::string& value) {
    ++at_;
    while (true) {
      if (AtEnd()) return Wrong("a string does not end");
      const auto byte = static_cast<unsigned char>(text_[at_]);
      if (byte == '"') {
        ++at_;
        return Ok();
      }
      if (byte < ' ') return Wrong("a control character stands unescaped");
      if (byte == '\\') {
        TWINSEAL_RETURN_IF_ERROR(Escape(value));
        continue;
      }
      const std::size_t size = Utf8CharacterSize(text_.substr(at_));
      if (size == 0) return Wrong("text that is not UTF-8 stands");
      value.append(text_.substr(at_, size));
      at_ += size;
    }
  }

  Status Escape(std::string& value) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    ++at_;
    if (AtEnd()) return Wrong("a string does not end");
    if (const std::size_t letter = kLetters.find(text_[at_]); letter != std::string_view::npos) {
      value.push_back(kMeanings[letter]);
      ++at_;
      return Ok();
    }
    const std::optional<char32_t> unit = CodeUnit();
    if (!unit) return Wrong("an unknown escape stands");
    if (*unit < 0xd800 || *unit > 0xdfff) {
      AppendUtf8(value, *unit);
      return Ok();
    }
    // Two halves of one character (Unicode §3.9, D91).
    const bool escaped = *unit <= 0xdbff && Take('\\');
    const std::optional<char32_t> low = escaped ? CodeUnit() : std::nullopt;
    if (!low || *low < 0xdc00 || *low > 0xdfff) return Wrong("half a surrogate pair stands");
    constexpr unsigned kHalfBits = 10;
    AppendUtf8(value, 0x10000 + ((*unit - 0xd800) << kHalfBits) + (*low - 0xdc00));
    return Ok();
  }

  // "u" and four hexadecimal digits.
  std::optional<char32_t> CodeUnit() {
    constexpr std::size_t kDigits = 4;
    if (!Take('u') || text_.size() - at_ < kDigits) return std::nullopt;
    char32_t unit = 0;
    for (std::size_t i = 0; i < kDigits; ++i, ++at_) {
      const char c = text_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return std::nullopt;
      unit = unit * 16 + static_cast<char32_t>(digit);
    }
    return unit;
  }

  std::string_view text_;
  int max_depth_;
  std::size_t at_ = 0;
};

}  // namespace

Status CheckJson(std::string_view text, int max_depth) {
  return JsonChecker(text, max_depth).Check();
}

std::string Quoted(std::string_view text) {
  std::string quoted(text.substr(0, kMaxQuoted));
  for (char& c : quoted) {
    if (c < ' ' || c > '~') c = '?';
  }
  if (text.size() > kMaxQuoted) quoted += "...";
  return quoted;
}

}  // namespace twinseal::connect
