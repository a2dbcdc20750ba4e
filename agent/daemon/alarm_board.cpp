#include "agent/daemon/alarm_board.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

namespace twinseal::agent {

std::int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

AlarmBoard::AlarmBoard(WallClock clock, std::function<void(const std::string&)> tell)
    : clock_(std::move(clock)), tell_(std::move(tell)) {}

void AlarmBoard::Raise(const std::string& name, const std::string& place, const std::string& text) {
  {
    const MutexLock lock(mutex_);
    const auto [found, fresh] = alarms_.try_emplace({name, place});
    v1::Alarm& alarm = found->second;
    alarm.set_text(text);
    if (!fresh) return;
    alarm.set_name(name);
    alarm.set_place(place);
    alarm.set_since_unix_ms(clock_());
  }
  tell_(fmt::format("alarm {} of {}: {}", name, place, text));
}

void AlarmBoard::End(const std::string& name, const std::string& place) {
  {
    const MutexLock lock(mutex_);
    if (alarms_.erase({name, place}) == 0) return;
  }
  tell_(fmt::format("alarm {} of {} has ended", name, place));
}

void AlarmBoard::Set(bool on, const std::string& name, const std::string& place,
                     const std::string& text) {
  on ? Raise(name, place, text) : End(name, place);
}

void AlarmBoard::EndAllOf(const std::string& place) {
  for (const v1::Alarm& alarm : All()) {
    if (alarm.place() == place) End(alarm.name(), place);
  }
}

std::vector<v1::Alarm> AlarmBoard::All() const {
  std::vector<v1::Alarm> all;
  {
    const MutexLock lock(mutex_);
    for (const auto& [key, alarm] : alarms_) all.push_back(alarm);
  }
  std::ranges::stable_sort(all, {}, [](const v1::Alarm& alarm) { return alarm.since_unix_ms(); });
  return all;
}

}  // namespace twinseal::agent
