#include "tests/bench/pair/reply.h"

#include <google/protobuf/util/json_util.h>

#include "tests/bench/parts/fail.h"

namespace twinseal::bench {

Reply& Reply::Set(std::string_view name, double value) {
  (*object_.mutable_fields())[std::string(name)].set_number_value(value);
  return *this;
}

Reply& Reply::Set(std::string_view name, const std::string& value) {
  (*object_.mutable_fields())[std::string(name)].set_string_value(value);
  return *this;
}

Reply& Reply::Set(std::string_view name, const std::vector<std::string>& values) {
  auto& list = *(*object_.mutable_fields())[std::string(name)].mutable_list_value();
  for (const std::string& value : values) list.add_values()->set_string_value(value);
  return *this;
}

Reply& Reply::Set(std::string_view name, const std::vector<Reply>& values) {
  auto& list = *(*object_.mutable_fields())[std::string(name)].mutable_list_value();
  for (const Reply& value : values) *list.add_values()->mutable_struct_value() = value.object_;
  return *this;
}

std::string Reply::Line() const {
  std::string line;
  if (!google::protobuf::util::MessageToJsonString(object_, &line).ok()) {
    Fail("a reply cannot be written as JSON");
  }
  return line;
}

}  // namespace twinseal::bench
