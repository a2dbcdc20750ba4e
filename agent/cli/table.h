// Tables for people: aligned by spaces, no colour, no lines.
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

namespace twinseal::cli {

class Table {
 public:
  explicit Table(std::vector<std::string> headings);

  // As many cells as headings. An empty cell is printed as "-". Control characters are made
  // visible, so that a name or a message from elsewhere cannot move the terminal's cursor.
  void Add(std::vector<std::string> cells);

  // Prints what was added since the last time, the headings before the first row only. Columns are
  // as wide as their widest cell so far and two spaces apart; lines have no trailing spaces.
  void Print(std::ostream& out);

 private:
  std::vector<std::vector<std::string>> rows_;  // Not printed yet.
  std::vector<std::size_t> widths_;
};

// "Name:    value" lines, aligned.
class Fields {
 public:
  void Add(std::string name, const std::string& value);
  void Print(std::ostream& out) const;

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

}  // namespace twinseal::cli
