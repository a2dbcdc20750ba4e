#include "common/crypto/spki.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace twinseal::crypto {
namespace {

using std::string_view_literals::operator""sv;

// The value stands between the two. An integer with its highest bit set, as each modulus has it, is
// written with a zero byte before it, and a point with a 4 (X.690 §8.3, SEC 1 §2.3.3).
struct Form {
  v1::Algorithm algorithm;
  std::size_t value_size;
  std::uint8_t least_first;  // The value's first byte is between these.
  std::uint8_t most_first;
  std::string_view head;
  std::string_view tail;
};

constexpr std::string_view kExponent = "\x02\x03\x01\x00\x01"sv;  // kRsaExponent, an INTEGER.

constexpr std::array kForms = {
    Form{v1::EC_P256, 65, 4, 4,
         "\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01"
         "\x07\x03\x42\x00"sv,
         ""sv},
    Form{v1::EC_P384, 97, 4, 4,
         "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62"
         "\x00"sv,
         ""sv},
    Form{v1::EC_P521, 133, 4, 4,
         "\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23\x03"
         "\x81\x86\x00"sv,
         ""sv},
    Form{v1::ED25519, 32, 0, 255, "\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"sv, ""sv},
    Form{v1::RSA_2048, 256, 128, 255,
         "\x30\x82\x01\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01"
         "\x0f\x00\x30\x82\x01\x0a\x02\x82\x01\x01\x00"sv,
         kExponent},
    Form{v1::RSA_3072, 384, 128, 255,
         "\x30\x82\x01\xa2\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x01"
         "\x8f\x00\x30\x82\x01\x8a\x02\x82\x01\x81\x00"sv,
         kExponent},
    Form{v1::RSA_4096, 512, 128, 255,
         "\x30\x82\x02\x22\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00\x03\x82\x02"
         "\x0f\x00\x30\x82\x02\x0a\x02\x82\x02\x01\x00"sv,
         kExponent},
};

bool IsOf(const Form& form, BytesView value) {
  return value.size() == form.value_size && value.front() >= form.least_first &&
         value.front() <= form.most_first;
}

}  // namespace

std::optional<RawPublicKey> ReadSpki(BytesView der) {
  for (const Form& form : kForms) {
    const std::size_t size = form.head.size() + form.value_size + form.tail.size();
    if (der.size() != size ||
        !std::ranges::equal(der.first(form.head.size()), AsBytes(form.head)) ||
        !std::ranges::equal(der.last(form.tail.size()), AsBytes(form.tail))) {
      continue;
    }
    const BytesView value = der.subspan(form.head.size(), form.value_size);
    if (IsOf(form, value)) return RawPublicKey{form.algorithm, value};
  }
  return std::nullopt;
}

std::optional<Bytes> WriteSpki(const RawPublicKey& key) {
  const auto form = std::ranges::find(kForms, key.algorithm, &Form::algorithm);
  if (form == kForms.end() || !IsOf(*form, key.value)) return std::nullopt;
  Bytes der = ToBytes(form->head);
  der.insert(der.end(), key.value.begin(), key.value.end());
  const BytesView tail = AsBytes(form->tail);
  der.insert(der.end(), tail.begin(), tail.end());
  return der;
}

}  // namespace twinseal::crypto
