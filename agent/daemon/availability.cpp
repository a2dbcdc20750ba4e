#include "agent/daemon/availability.h"

namespace twinseal::agent {
namespace {

// Sites are looked at every second, and given up after two.
constexpr std::chrono::seconds kPause{10};

}  // namespace

void Availability::Note(Clock::time_point now, bool available) {
  if (!counted_until_.has_value() || now - *counted_until_ > kPause) {
    counted_until_ = now;
    return;
  }
  const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(now - *counted_until_);
  if (passed <= std::chrono::milliseconds::zero()) return;
  watched_ += passed;
  if (available) available_ += passed;
  // What is less than a millisecond counts the next time.
  *counted_until_ += passed;
}

}  // namespace twinseal::agent
