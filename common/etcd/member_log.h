// What a member of etcd prints: what of it is for the log, and what it means for the user.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace twinseal::etcd {

// One thread.
class MemberLog {
 public:
  using Clock = std::chrono::steady_clock;

  // `subject` is the member's data folder, for sentences about it.
  MemberLog(std::string subject, std::function<void(const std::string&)> on_line);

  // A new process begins.
  void Begin();
  // It was asked to end: what it says of that is not told.
  void Ending() { ending_ = true; }
  // As it comes, in pieces of any size.
  void Take(std::string_view piece, Clock::time_point now);
  // The process has ended: its last line may lack its end.
  void End(Clock::time_point now);

  // It has said that it serves clients.
  bool serving() const { return serving_; }
  // What is wrong, or was just before it ended, in the user's words; empty when it said nothing
  // that matters.
  std::string Reason(Clock::time_point now) const;

 private:
  struct Repeats {
    Clock::time_point told;
    std::uint64_t more = 0;  // Since then.
  };

  void Line(std::string_view line, Clock::time_point now);
  void Note(std::string_view words, bool weighty, Clock::time_point now);
  void Tell(const std::string& what, const std::string& line, Clock::time_point now);

  const std::string subject_;
  const std::function<void(const std::string&)> on_line_;
  std::string unfinished_;
  bool serving_ = false;
  bool ending_ = false;
  bool skipping_ = false;  // The stacks behind a panic's words.
  std::string reason_;
  bool explained_ = false;  // The reason, in more than etcd's own words.
  Clock::time_point noted_;
  std::map<std::string, Repeats> repeats_;
};

}  // namespace twinseal::etcd
