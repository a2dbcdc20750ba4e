#include "common/connect/wire_check.h"

#include <climits>
#include <string>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include "common/connect/utf8.h"

namespace twinseal::connect {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// The path of a field, as a list on the stack that is spelt out only for an error.
struct Path {
  const Path* parent;
  const FieldDescriptor* field;

  std::string Text() const {
    if (field == nullptr) return {};
    const std::string before = parent->Text();
    return before.empty() ? field->name() : fmt::format("{}.{}", before, field->name());
  }
};

Error Wrong(const Path& path, std::string_view what) {
  const std::string name = path.Text();
  return Error(Code::kInvalidArgument,
               fmt::format("{}: {}", name.empty() ? "the body" : name, what));
}

class WireChecker {
 public:
  WireChecker(BytesView bytes, int max_depth)
      : bytes_(bytes),
        input_(bytes.data(), static_cast<int>(bytes.size())),
        max_depth_(max_depth) {}

  // To the end of the input or of the current limit.
  Status Message(const Descriptor& message, const Path& path, int depth) {
    if (depth == max_depth_) return Wrong(path, "it is nested too deeply");
    while (input_.BytesUntilLimit() != 0 && !AtEnd()) {
      const std::uint32_t tag = input_.ReadTag();
      if (tag == 0)
        return Wrong(path, fmt::format("not protobuf at byte {}", input_.CurrentPosition()));
      TWINSEAL_RETURN_IF_ERROR(Field(message, tag, path, depth));
    }
    return Ok();
  }

 private:
  bool AtEnd() const { return input_.CurrentPosition() == static_cast<int>(bytes_.size()); }

  Status Field(const Descriptor& message, std::uint32_t tag, const Path& path, int depth) {
    const int number = WireFormatLite::GetTagFieldNumber(tag);
    const FieldDescriptor* const field = message.FindFieldByNumber(number);
    if (field == nullptr) {
      return Wrong(
          path, fmt::format("there is no field {} in {}; is the appliance older than the client?",
                            number, message.full_name()));
    }
    const Path inner{&path, field};
    const auto type = static_cast<WireFormatLite::FieldType>(field->type());
    const WireFormatLite::WireType expected = WireFormatLite::WireTypeForFieldType(type);
    const WireFormatLite::WireType actual = WireFormatLite::GetTagWireType(tag);
    if (actual == WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (field->is_packable()) return Packed(inner, expected);
      if (expected == actual) return Delimited(*field, inner, depth);
    }
    if (actual != expected) return Wrong(inner, "it is encoded as another type");
    return Scalar(expected, inner);
  }

  Status Scalar(WireFormatLite::WireType type, const Path& path) {
    std::uint64_t wide = 0;
    std::uint32_t narrow = 0;
    const bool read = type == WireFormatLite::WIRETYPE_VARINT    ? input_.ReadVarint64(&wide)
                      : type == WireFormatLite::WIRETYPE_FIXED64 ? input_.ReadLittleEndian64(&wide)
                      : type == WireFormatLite::WIRETYPE_FIXED32
                          ? input_.ReadLittleEndian32(&narrow)
                          : false;
    return read ? Ok() : Wrong(path, "its value is cut off or malformed");
  }

  // Reads a length that lies within what is left, as protobuf's parser wants it too.
  bool ReadSize(int& size) {
    if (!input_.ReadVarintSizeAsInt(&size)) return false;
    const int limit = input_.BytesUntilLimit();
    const int left =
        limit >= 0 ? limit : static_cast<int>(bytes_.size()) - input_.CurrentPosition();
    return size <= left;
  }

  Status Packed(const Path& path, WireFormatLite::WireType type) {
    int size = 0;
    if (!ReadSize(size)) return Wrong(path, "it is longer than the body");
    const CodedInputStream::Limit limit = input_.PushLimit(size);
    while (input_.BytesUntilLimit() > 0) TWINSEAL_RETURN_IF_ERROR(Scalar(type, path));
    input_.PopLimit(limit);
    return Ok();
  }

  Status Delimited(const FieldDescriptor& field, const Path& path, int depth) {
    int size = 0;
    if (!ReadSize(size)) return Wrong(path, "it is longer than the body");
    if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
      const CodedInputStream::Limit limit = input_.PushLimit(size);
      TWINSEAL_RETURN_IF_ERROR(Message(*field.message_type(), path, depth + 1));
      input_.PopLimit(limit);
      return Ok();
    }
    const auto begin = static_cast<std::size_t>(input_.CurrentPosition());
    if (field.type() == FieldDescriptor::TYPE_STRING &&
        !IsUtf8(AsText(bytes_.subspan(begin, static_cast<std::size_t>(size))))) {
      return Wrong(path, "text that is not UTF-8");
    }
    if (!input_.Skip(size)) return Wrong(path, "it is cut off");
    return Ok();
  }

  BytesView bytes_;
  CodedInputStream input_;
  int max_depth_;
};

}  // namespace

Status CheckWire(BytesView bytes, const Descriptor& message, int max_depth) {
  const Path root{nullptr, nullptr};
  if (bytes.size() > INT_MAX) return Wrong(root, "it is too long");
  return WireChecker(bytes, max_depth).Message(message, root, 0);
}

}  // namespace twinseal::connect
