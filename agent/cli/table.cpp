#include "agent/cli/table.h"

#include <algorithm>
#include <utility>

#include "agent/cli/text.h"

namespace twinseal::cli {
namespace {

// Spaces between columns, and behind a field's name.
constexpr std::size_t kGap = 2;
constexpr std::size_t kFieldGap = 1;

}  // namespace

Table::Table(std::vector<std::string> headings) : widths_(headings.size(), 0) {
  rows_.push_back(std::move(headings));
}

void Table::Add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = cell.empty() ? "-" : Printable(cell);
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) {
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i)
      widths_[i] = std::max(widths_[i], DisplayWidth(row[i]));
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out << row[i];
      if (i + 1 < row.size()) out << std::string(widths_[i] - DisplayWidth(row[i]) + kGap, ' ');
    }
    out << '\n';
  }
  rows_.clear();
}

void Fields::Add(std::string name, const std::string& value) {
  fields_.emplace_back(std::move(name) + ":", value.empty() ? "-" : Printable(value));
}

void Fields::Print(std::ostream& out) const {
  std::size_t width = 0;
  for (const auto& [name, value] : fields_) width = std::max(width, DisplayWidth(name));
  for (const auto& [name, value] : fields_) {
    out << name << std::string(width - DisplayWidth(name) + kFieldGap, ' ') << value << '\n';
  }
}

}  // namespace twinseal::cli
