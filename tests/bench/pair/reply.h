// One line of JSON, as the program answers each command.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <google/protobuf/struct.pb.h>

namespace twinseal::bench {

class Reply {
 public:
  Reply& Set(std::string_view name, double value);
  Reply& Set(std::string_view name, const std::string& value);
  Reply& Set(std::string_view name, const std::vector<std::string>& values);
  Reply& Set(std::string_view name, const std::vector<Reply>& values);

  // Without a line end.
  std::string Line() const;

 private:
  google::protobuf::Struct object_;
};

}  // namespace twinseal::bench
