#include "firmware/core/vault/blob.h"

#include <algorithm>
#include <concepts>
#include <limits>
#include <string>

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "common/base/big_endian.h"
#include "common/crypto/algorithms.h"

namespace twinseal::core {
namespace {

constexpr std::array<std::uint8_t, 4> kMagic = {'T', 'S', 'L', 'B'};
constexpr std::size_t kFixedSize = 48;  // Up to the first field with a length.

// Fills bytes whose number is known beforehand.
class Writer {
 public:
  explicit Writer(std::size_t size) : bytes_(size) {}

  template <std::unsigned_integral Number>
  void Put(Number number) {
    for (int shift = std::numeric_limits<Number>::digits - 8; shift >= 0; shift -= 8) {
      bytes_[at_++] = static_cast<std::uint8_t>(number >> shift);
    }
  }
  void Put(BytesView bytes) {
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ += bytes.size();
  }
  void PutField(BytesView field) {
    Put(static_cast<std::uint32_t>(field.size()));
    Put(field);
  }

  Bytes Take() && { return std::move(bytes_); }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

Error Malformed(std::string_view why) {
  return Error(Code::kDataLoss, fmt::format("is not a key record: {}", why));
}

// Takes pieces off the front. What is asked for beyond the end is zero, and ok() is false from then
// on.
class Reader {
 public:
  explicit Reader(BytesView rest) : rest_(rest) {}

  bool ok() const { return ok_; }
  bool at_end() const { return rest_.empty(); }

  BytesView Take(std::size_t size) {
    if (size > rest_.size()) {
      ok_ = false;
      rest_ = {};
      return {};
    }
    const BytesView taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }

  template <std::unsigned_integral Number>
  Number Get() {
    return ReadBigEndian<Number>(Take(sizeof(Number)));
  }

  BytesView Field(std::size_t most) {
    const auto size = Get<std::uint32_t>();
    if (size > most) {
      ok_ = false;
      return {};
    }
    return Take(size);
  }

 private:
  BytesView rest_;
  bool ok_ = true;
};

Result<hsm::WrapMechanism> DecodeWrap(std::uint8_t number) {
  if (number == 0) return hsm::WrapMechanism::kNone;
  return hsm::WrapMechanismFromNumber(number);
}

Result<v1::KeyPolicy> DecodePolicy(BytesView bytes) {
  v1::KeyPolicy policy;
  if (!policy.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return Malformed("its policy cannot be parsed");
  }
  // Another spelling of the same policy would be another record with the same meaning.
  if (!std::ranges::equal(EncodePolicy(policy), bytes)) {
    return Malformed("its policy is not in the one form that it may have");
  }
  return policy;
}

Status CheckKind(const Blob& blob) {
  const bool replica = blob.kind == BlobKind::kReplica;
  const bool vault = blob.kind == BlobKind::kVault;
  const bool token = blob.kind == BlobKind::kTokenReference;
  if (!replica && !vault && !token) return Malformed("its kind is not known");
  if ((blob.header.storage == v1::TOKEN) != token) {
    return Malformed("its kind does not fit its storage");
  }
  if ((blob.key_wrap == hsm::WrapMechanism::kNone) != token || blob.wrapped_key.empty() != token) {
    return Malformed("it should hold a wrapped private key and does not, or the reverse");
  }
  if ((blob.kek_wrap == hsm::WrapMechanism::kNone) == vault || blob.wrapped_kek.empty() == vault) {
    return Malformed("it should hold a wrapped KEK and does not, or the reverse");
  }
  if ((Number(blob.generation) != 0) != vault) {
    return Malformed("its generation does not fit its kind");
  }
  return Ok();
}

Status CheckHeader(const KeyHeader& header) {
  if (Number(header.version) == 0) return Malformed("its version is 0");
  if (Number(header.revision) == 0) return Malformed("its revision is 0");
  if (crypto::Find(header.algorithm) == nullptr) return Malformed("its algorithm is not known");
  if (!v1::KeyState_IsValid(header.state) || header.state == v1::KEY_STATE_UNSPECIFIED) {
    return Malformed("its state is not known");
  }
  if (header.storage != v1::VAULT && header.storage != v1::TOKEN) {
    return Malformed("its storage is not known");
  }
  if (header.public_key.empty()) return Malformed("it holds no public key");
  return Ok();
}

}  // namespace

Bytes EncodePolicy(const v1::KeyPolicy& policy) {
  v1::KeyPolicy known = policy;
  known.DiscardUnknownFields();
  std::string text;
  {
    google::protobuf::io::StringOutputStream stream(&text);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    known.SerializeToCodedStream(&coded);
  }
  return ToBytes(text);
}

Bytes EncodeBound(const Blob& blob) {
  const KeyHeader& header = blob.header;
  const Bytes policy = EncodePolicy(header.policy);
  Writer out(kFixedSize + 4 * sizeof(std::uint32_t) + header.public_key.size() + policy.size() +
             blob.wrapped_kek.size() + blob.wrapped_key.size());
  out.Put(kMagic);
  out.Put(kBlobFormatVersion);
  out.Put(static_cast<std::uint8_t>(blob.kind));
  out.Put(static_cast<std::uint8_t>(blob.key_wrap));
  out.Put(static_cast<std::uint8_t>(blob.kek_wrap));
  out.Put(header.id.bytes());
  out.Put(Number(header.version));
  out.Put(static_cast<std::uint8_t>(header.algorithm));
  out.Put(static_cast<std::uint8_t>(header.state));
  out.Put(static_cast<std::uint8_t>(header.storage));
  out.Put(std::uint8_t{0});
  out.Put(Number(header.revision));
  out.Put(Number(blob.generation));
  out.PutField(header.public_key);
  out.PutField(policy);
  out.PutField(blob.wrapped_kek);
  out.PutField(blob.wrapped_key);
  return std::move(out).Take();
}

Bytes EncodeBlob(const Blob& blob) {
  Bytes out = EncodeBound(blob);
  out.resize(out.size() + kBindingSize);
  std::ranges::copy(blob.binding, out.end() - kBindingSize);
  return out;
}

Result<Blob> DecodeBlob(BytesView bytes) {
  Reader reader(bytes);
  if (!std::ranges::equal(reader.Take(kMagic.size()), kMagic)) {
    return Malformed("it does not begin with TSLB");
  }
  if (const auto format = reader.Get<std::uint8_t>(); format != kBlobFormatVersion) {
    return Malformed(
        fmt::format("its format is {}, this program knows {}", format, kBlobFormatVersion));
  }
  Blob blob;
  blob.kind = static_cast<BlobKind>(reader.Get<std::uint8_t>());
  TWINSEAL_ASSIGN_OR_RETURN(blob.key_wrap, DecodeWrap(reader.Get<std::uint8_t>()));
  TWINSEAL_ASSIGN_OR_RETURN(blob.kek_wrap, DecodeWrap(reader.Get<std::uint8_t>()));
  const BytesView id = reader.Take(KeyId::kSize);
  blob.header.version = KeyVersion{reader.Get<std::uint32_t>()};
  blob.header.algorithm = static_cast<v1::Algorithm>(reader.Get<std::uint8_t>());
  blob.header.state = static_cast<v1::KeyState>(reader.Get<std::uint8_t>());
  blob.header.storage = static_cast<v1::Storage>(reader.Get<std::uint8_t>());
  const auto reserved = reader.Get<std::uint8_t>();
  blob.header.revision = KeyRevision{reader.Get<std::uint64_t>()};
  blob.generation = Generation{reader.Get<std::uint64_t>()};
  const BytesView public_key = reader.Field(kMaxPublicKey);
  const BytesView policy = reader.Field(kMaxPolicy);
  const BytesView wrapped_kek = reader.Field(kMaxWrappedKek);
  const BytesView wrapped_key = reader.Field(kMaxWrappedKey);
  const BytesView binding = reader.Take(kBindingSize);
  if (!reader.ok()) return Malformed("it is cut short, or a field of it is too long");
  if (!reader.at_end()) return Malformed("bytes stand behind its end");
  if (reserved != 0) return Malformed("its reserved byte is not 0");

  TWINSEAL_ASSIGN_OR_RETURN(blob.header.id, KeyId::FromBytes(id));
  blob.header.public_key.assign(public_key.begin(), public_key.end());
  blob.wrapped_kek.assign(wrapped_kek.begin(), wrapped_kek.end());
  blob.wrapped_key.assign(wrapped_key.begin(), wrapped_key.end());
  std::ranges::copy(binding, blob.binding.begin());
  TWINSEAL_RETURN_IF_ERROR(CheckHeader(blob.header));
  TWINSEAL_RETURN_IF_ERROR(CheckKind(blob));
  TWINSEAL_ASSIGN_OR_RETURN(blob.header.policy, DecodePolicy(policy));
  return blob;
}

BytesView BoundPart(BytesView blob) { return blob.first(blob.size() - kBindingSize); }
BytesView BindingPart(BytesView blob) { return blob.last(kBindingSize); }

}  // namespace twinseal::core
