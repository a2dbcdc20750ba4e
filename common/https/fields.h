// The header and trailer fields of an answer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace twinseal::https {

// As they came; of a name that came several times the last counts.
class Fields {
 public:
  // A line as libcurl hands it over, with its end; what is no field is passed over.
  void Add(std::string_view line);
  // By its name in lower case.
  std::optional<std::string> Find(std::string_view name) const;
  void Clear() { lines_.clear(); }

 private:
  std::string lines_;  // "\nname:value" each.
};

}  // namespace twinseal::https
