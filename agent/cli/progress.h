// A line on the terminal that says how far long work is.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>

namespace twinseal::cli {

// Draws nothing in the first half second, so that short work stays quiet; then at most ten times a
// second. The line is wiped when the object dies. One thread at a time.
class Progress {
 public:
  enum class Unit { kBytes, kRecords };
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  // `out` null: draws nothing at all. `total` is nothing when it is not known.
  Progress(std::ostream* out, const std::string& name, Unit unit,
           std::optional<std::uint64_t> total, Clock clock = std::chrono::steady_clock::now);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of the total are done.
  void Update(std::uint64_t done);

 private:
  std::ostream* out_;
  std::string name_;
  Unit unit_;
  std::optional<std::uint64_t> total_;
  Clock clock_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point next_;
  bool drawn_ = false;
};

}  // namespace twinseal::cli
