#include "tests/bench/parts/report.h"

#include <cstdio>
#include <fstream>

#include <fmt/format.h>

namespace twinseal::bench {

std::string Target::Text() const { return fmt::format("{}{:.2f}", at_least ? ">=" : "<=", ratio); }

bool Target::Met(double measured) const { return at_least ? measured >= ratio : measured <= ratio; }

void Print(const Figure& figure) {
  const std::string target = figure.target ? figure.target->Text() : "";
  const char* const verdict = !figure.target                     ? ""
                              : figure.target->Met(figure.ratio) ? "met"
                                                                 : "MISSED";
  fmt::print("{:<34} {:>12.1f} {:>12.1f} {:<14} {:>7.2f} {:>8} {}\n", figure.name, figure.value,
             figure.baseline, figure.unit, figure.ratio, target, verdict);
  std::fflush(stdout);
}

bool WriteJson(const std::vector<Figure>& figures, const std::string& path) {
  std::ofstream out(path);
  out << "[\n";
  for (std::size_t i = 0; i < figures.size(); ++i) {
    const Figure& f = figures[i];
    const std::string target = f.target ? fmt::format("\"{}\"", f.target->Text()) : "null";
    out << fmt::format(
        R"(  {{"name": "{}", "unit": "{}", "value": {:.3f}, "baseline": {:.3f}, "ratio": {:.4f}, "target": {}}}{})",
        f.name, f.unit, f.value, f.baseline, f.ratio, target,
        i + 1 < figures.size() ? ",\n" : "\n");
  }
  out << "]\n";
  out.flush();
  return out.good();
}

}  // namespace twinseal::bench
