// Results as a table for people and as JSON for machines.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace twinseal::bench {

struct Target {
  bool at_least = true;
  double ratio = 0;

  // ">=0.90"
  std::string Text() const;
  bool Met(double measured) const;
};

struct Figure {
  std::string name;  // case/where/key/sessions: "strict/socket/ec-p256/2"
  std::string unit;
  double value = 0;
  double baseline = 0;
  double ratio = 0;
  std::optional<Target> target;
};

// A line of the table that tools/bench heads.
void Print(const Figure& figure);

// An array of {"name", "unit", "value", "baseline", "ratio", "target"}; false when the file cannot
// be written.
bool WriteJson(const std::vector<Figure>& figures, const std::string& path);

}  // namespace twinseal::bench
