#include "agent/cli/progress.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "agent/cli/text.h"
#include "agent/cli/words.h"

namespace twinseal::cli {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirst{500};
constexpr milliseconds kBetween{100};
constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kNameWidth = 28;
constexpr std::string_view kWipe = "\r\x1b[K";  // To the line's beginning; erase to its end.

std::string Amount(Progress::Unit unit, std::uint64_t amount) {
  return unit == Progress::Unit::kBytes ? FormatSize(amount) : Count(amount, "record");
}

}  // namespace

Progress::Progress(std::ostream* out, const std::string& name, Unit unit,
                   std::optional<std::uint64_t> total, Clock clock)
    : out_(out),
      unit_(unit),
      total_(total),
      clock_(std::move(clock)),
      started_(clock_()),
      next_(started_ + kFirst) {
  name_ = Printable(name);
  if (name_.size() > kNameWidth) name_ = "..." + name_.substr(name_.size() - kNameWidth + 3);
}

Progress::~Progress() {
  if (drawn_) *out_ << kWipe << std::flush;
}

void Progress::Update(std::uint64_t done) {
  if (out_ == nullptr) return;
  const auto now = clock_();
  if (now < next_) return;
  next_ = now + kBetween;
  drawn_ = true;

  const double seconds = std::chrono::duration<double>(now - started_).count();
  const auto speed =
      static_cast<std::uint64_t>(static_cast<double>(done) / std::max(seconds, 0.001));
  if (!total_ || *total_ == 0) {
    *out_ << fmt::format("{}{}  {}  {}/s", kWipe, name_, Amount(unit_, done), Amount(unit_, speed));
  } else {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(*total_));
    const auto full = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
    *out_ << fmt::format("{}{}  [{}{}]  {:3.0f} %  {} of {}  {}/s", kWipe, name_,
                         std::string(full, '#'), std::string(kBarWidth - full, '.'), share * 100,
                         Amount(unit_, done), Amount(unit_, *total_), Amount(unit_, speed));
  }
  out_->flush();
}

}  // namespace twinseal::cli
