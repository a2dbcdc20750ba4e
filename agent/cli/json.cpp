#include "agent/cli/json.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "agent/cli/text.h"
#include "agent/cli/words.h"
#include "common/base/bytes.h"

namespace twinseal::cli {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Reflection;

bool IsAscii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

void JsonWriter::NewLine() { out_ << '\n' << std::string(2 * has_elements_.size(), ' '); }

void JsonWriter::BeforeValue() {
  if (after_key_) {
    after_key_ = false;
    return;
  }
  if (has_elements_.empty()) return;
  if (has_elements_.back()) out_ << ',';
  has_elements_.back() = true;
  NewLine();
}

void JsonWriter::Quote(std::string_view text) {
  std::string replaced;
  if (!IsAscii(text)) {
    replaced = ReplaceInvalidUtf8(text);
    text = replaced;
  }
  out_ << '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out_ << "\\\"";
        break;
      case '\\':
        out_ << "\\\\";
        break;
      case '\n':
        out_ << "\\n";
        break;
      case '\t':
        out_ << "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
          out_ << fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
        } else {
          out_ << c;
        }
    }
  }
  out_ << '"';
}

JsonWriter& JsonWriter::BeginObject() {
  BeforeValue();
  out_ << '{';
  has_elements_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  const bool had = has_elements_.back();
  has_elements_.pop_back();
  if (had) NewLine();
  out_ << '}';
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  BeforeValue();
  out_ << '[';
  has_elements_.push_back(false);
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  const bool had = has_elements_.back();
  has_elements_.pop_back();
  if (had) NewLine();
  out_ << ']';
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  BeforeValue();
  Quote(name);
  out_ << ": ";
  after_key_ = true;
  return *this;
}

JsonWriter& JsonWriter::String(std::string_view text) {
  BeforeValue();
  Quote(text);
  return *this;
}

JsonWriter& JsonWriter::Number(std::int64_t number) {
  BeforeValue();
  out_ << fmt::format("{}", number);
  return *this;
}

JsonWriter& JsonWriter::Bool(bool value) {
  BeforeValue();
  out_ << (value ? "true" : "false");
  return *this;
}

JsonWriter& JsonWriter::Null() {
  BeforeValue();
  out_ << "null";
  return *this;
}

JsonWriter& JsonWriter::Message(const google::protobuf::Message& message) {
  return BeginObject().FieldsOf(message).EndObject();
}

JsonWriter& JsonWriter::FieldsOf(const google::protobuf::Message& message) {
  const google::protobuf::Descriptor& descriptor = *message.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) Field(message, *descriptor.field(i));
  return *this;
}

void JsonWriter::Field(const google::protobuf::Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  // A field that says whether it is set is left out when it is not, as in protobuf's mapping.
  if (field.has_presence() && !reflection.HasField(message, &field)) return;
  Key(field.json_name());
  if (field.is_map()) {
    MapField(message, field);
  } else if (field.is_repeated()) {
    BeginArray();
    const int size = reflection.FieldSize(message, &field);
    for (int i = 0; i < size; ++i) Value(message, field, i);
    EndArray();
  } else {
    Value(message, field, -1);
  }
}

// By key, as a map has no order of its own and the same answer is to be the same text.
void JsonWriter::MapField(const google::protobuf::Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  std::map<std::string, const google::protobuf::Message*> entries;
  const int size = reflection.FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    const google::protobuf::Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    const FieldDescriptor* key = entry.GetDescriptor()->map_key();
    entries.emplace(entry.GetReflection()->GetString(entry, key), &entry);
  }
  BeginObject();
  for (const auto& [key, entry] : entries) {
    Key(key);
    Value(*entry, *entry->GetDescriptor()->map_value(), -1);
  }
  EndObject();
}

void JsonWriter::Value(const google::protobuf::Message& message, const FieldDescriptor& field,
                       int index) {
  const Reflection& reflection = *message.GetReflection();
  const bool repeated = index >= 0;
  // NOLINTBEGIN(bugprone-macro-parentheses): a getter's two forms differ in name and arguments.
#define TWINSEAL_GET(Type)                                         \
  (repeated ? reflection.GetRepeated##Type(message, &field, index) \
            : reflection.Get##Type(message, &field))
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      Number(TWINSEAL_GET(Int32));
      break;
    case FieldDescriptor::CPPTYPE_UINT32:
      Number(TWINSEAL_GET(UInt32));
      break;
    case FieldDescriptor::CPPTYPE_INT64:
      String(fmt::format("{}", TWINSEAL_GET(Int64)));
      break;
    case FieldDescriptor::CPPTYPE_UINT64:
      String(fmt::format("{}", TWINSEAL_GET(UInt64)));
      break;
    case FieldDescriptor::CPPTYPE_BOOL:
      Bool(TWINSEAL_GET(Bool));
      break;
    case FieldDescriptor::CPPTYPE_ENUM: {
      const google::protobuf::EnumValueDescriptor* value = TWINSEAL_GET(Enum);
      String(Word(*value));
      break;
    }
    case FieldDescriptor::CPPTYPE_STRING: {
      const std::string text = TWINSEAL_GET(String);
      String(field.type() == FieldDescriptor::TYPE_BYTES ? Base64Encode(AsBytes(text)) : text);
      break;
    }
    case FieldDescriptor::CPPTYPE_MESSAGE:
      Message(repeated ? reflection.GetRepeatedMessage(message, &field, index)
                       : reflection.GetMessage(message, &field));
      break;
    case FieldDescriptor::CPPTYPE_DOUBLE:
    case FieldDescriptor::CPPTYPE_FLOAT:
      // The contract has none.
      Null();
      break;
  }
#undef TWINSEAL_GET
  // NOLINTEND(bugprone-macro-parentheses)
}

void JsonWriter::Finish() { out_ << '\n'; }

}  // namespace twinseal::cli
