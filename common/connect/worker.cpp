#include "common/connect/worker.h"

#include <array>
#include <ctime>

#include <fmt/format.h>

namespace twinseal::connect {

Worker::Worker(Clock::duration tick)
    : tick_(tick), work_(context_.get_executor()), timer_(context_.get_executor()) {}

void Worker::Start() {
  thread_ = std::thread([this] { context_.run(); });
}

void Worker::Join() {
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

void Worker::Add(Driven* driven) {
  driven_.insert(driven);
  if (!ticking_) Tick();
}

void Worker::Remove(Driven* driven) {
  driven_.erase(driven);
  // Nothing to wait for, so that the loop can end.
  if (driven_.empty()) timer_.cancel();
}

void Worker::Tick() {
  ticking_ = !driven_.empty();
  if (!ticking_) return;
  timer_.expires_after(tick_);
  timer_.async_wait([this](const boost::system::error_code&) {
    const Clock::time_point now = Clock::now();
    for (Driven* const driven : driven_) driven->CheckTime(now);
    Tick();
  });
}

// What ends removes itself from the set, but not before its coroutine runs again.
void Worker::EndIdle() {
  for (Driven* const driven : driven_) driven->EndIfIdle();
}

void Worker::AbortAll() {
  for (Driven* const driven : driven_) driven->Abort();
}

std::string_view Worker::Date() {
  const std::time_t now = std::time(nullptr);
  if (now != date_second_ || date_.empty()) {
    std::tm parts{};
    gmtime_r(&now, &parts);
    // Not strftime, whose names of days follow the locale.
    constexpr std::array kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    date_ = fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                        kDays.at(static_cast<std::size_t>(parts.tm_wday)), parts.tm_mday,
                        kMonths.at(static_cast<std::size_t>(parts.tm_mon)), parts.tm_year + 1900,
                        parts.tm_hour, parts.tm_min, parts.tm_sec);
    date_second_ = now;
  }
  return date_;
}

}  // namespace twinseal::connect
