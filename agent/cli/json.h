// JSON as `--output json` prints it: indented, in the order in which it is written.
#pragma once

#include <cstdint>
#include <ostream>
#include <string_view>
#include <vector>

namespace google::protobuf {
class Message;
class FieldDescriptor;
}  // namespace google::protobuf

namespace twinseal::cli {

// Keys and values are written in the order of the calls. The caller opens and closes in pairs.
class JsonWriter {
 public:
  explicit JsonWriter(std::ostream& out) : out_(out) {}

  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view name);

  // Bytes that are not UTF-8 become U+FFFD: JSON has no other way to say them.
  JsonWriter& String(std::string_view text);
  JsonWriter& Number(std::int64_t number);
  JsonWriter& Bool(bool value);
  JsonWriter& Null();

  // A message of the contract in protobuf's JSON mapping: lowerCamelCase, every field present,
  // 64-bit numbers as strings, bytes in base64. Enumerators are in the CLI's words: "ec-p256".
  JsonWriter& Message(const google::protobuf::Message& message);
  // The message's fields into the object that is open.
  JsonWriter& FieldsOf(const google::protobuf::Message& message);

  // Ends the text with a newline.
  void Finish();

 private:
  void BeforeValue();
  void NewLine();
  void Quote(std::string_view text);
  void Field(const google::protobuf::Message& message,
             const google::protobuf::FieldDescriptor& field);
  void MapField(const google::protobuf::Message& message,
                const google::protobuf::FieldDescriptor& field);
  // `index` is that of a repeated field's element, -1 for a single field.
  void Value(const google::protobuf::Message& message,
             const google::protobuf::FieldDescriptor& field, int index);

  std::ostream& out_;
  std::vector<bool> has_elements_;  // One for each object and array that is open.
  bool after_key_ = false;
};

}  // namespace twinseal::cli
