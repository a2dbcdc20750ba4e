#include "firmware/core/scheduler/fair_queue.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace twinseal::core {
namespace {

Error Full(std::string_view what, std::size_t limit) {
  return Error(Code::kResourceExhausted,
               fmt::format("{} ({}) are waiting to be signed; send fewer at a time or ask again "
                           "when some are answered",
                           what, limit));
}

}  // namespace

Status FairQueue::Push(JobPtr& job) {
  if (size_ >= limits_.total) return Full("as many requests as the appliance takes", limits_.total);
  if (bytes_ + job->bytes > limits_.bytes) {
    return Full("as many bytes of requests as the appliance takes", limits_.bytes);
  }
  const auto known_line = lines_.find(job->line);
  if (known_line != lines_.end() && known_line->second.size >= limits_.per_line) {
    return Full("as many requests as one key may have", limits_.per_line);
  }
  const auto known_caller = callers_.find(job->caller);
  std::list<Caller>::iterator caller;
  if (known_caller == callers_.end()) {
    caller = turns_.emplace(turns_.end());
    caller->name = job->caller;
    caller->self = caller;
    callers_.emplace(caller->name, caller);
  } else {
    caller = known_caller->second;
    if (caller->size >= limits_.per_caller) {
      return Full("as many requests as one client may have", limits_.per_caller);
    }
  }
  LineEntry& line = known_line == lines_.end() ? lines_[job->line] : known_line->second;
  const auto [known_group, added] = caller->groups.try_emplace(job->line);
  if (added) {
    const auto group = caller->turns.emplace(caller->turns.end());
    group->caller = &*caller;
    group->line = job->line;
    group->in_line = line.turns.insert(line.turns.end(), &*group);
    known_group->second = group;
  }
  bytes_ += job->bytes;
  ++size_;
  ++caller->size;
  ++line.size;
  known_group->second->jobs.push_back(std::move(job));
  return Ok();
}

JobPtr FairQueue::Pop() {
  if (turns_.empty()) return nullptr;
  Caller& caller = turns_.front();
  Group& group = caller.turns.front();
  JobPtr job = Remove(group, group.jobs.begin());
  // Whoever had a turn goes to the end, before Prune may take it out altogether.
  turns_.splice(turns_.end(), turns_, turns_.begin());
  caller.turns.splice(caller.turns.end(), caller.turns, caller.turns.begin());
  Prune(group);
  return job;
}

std::vector<JobPtr> FairQueue::Join(const Job& first, std::size_t room) {
  std::vector<JobPtr> joined;
  const auto found = lines_.find(first.line);
  if (found == lines_.end()) return joined;
  // A copy, since Prune takes groups out of the line and, with the last, the line itself.
  std::vector<Group*> groups(found->second.turns.begin(), found->second.turns.end());
  const auto may_join = [&](const Job& job) {
    return job.joinable_items > 0 && job.joinable_items <= room &&
           job.request.sign().revision() <= first.request.sign().revision();
  };
  while (room > 0 && !groups.empty()) {
    std::erase_if(groups, [&](Group* group) {
      // A group whose front cannot join has no further turn: its order is kept.
      if (room == 0 || !may_join(*group->jobs.front())) return true;
      room -= group->jobs.front()->joinable_items;
      joined.push_back(Remove(*group, group->jobs.begin()));
      const bool last = group->jobs.empty();
      if (last) Prune(*group);
      return last;
    });
  }
  return joined;
}

std::vector<JobPtr> FairQueue::RemoveExpired(Clock::time_point now) {
  std::vector<JobPtr> expired;
  std::vector<Group*> groups;
  for (Caller& caller : turns_) {
    for (Group& group : caller.turns) groups.push_back(&group);
  }
  for (Group* group : groups) {
    for (auto job = group->jobs.begin(); job != group->jobs.end();) {
      const auto next = std::next(job);
      if ((*job)->deadline <= now) expired.push_back(Remove(*group, job));
      job = next;
    }
    Prune(*group);
  }
  return expired;
}

std::vector<JobPtr> FairQueue::Clear() {
  std::vector<JobPtr> all;
  all.reserve(size_);
  while (JobPtr job = Pop()) all.push_back(std::move(job));
  return all;
}

std::optional<Clock::time_point> FairQueue::EarliestDeadline() const {
  std::optional<Clock::time_point> earliest;
  for (const Caller& caller : turns_) {
    for (const Group& group : caller.turns) {
      for (const JobPtr& job : group.jobs) {
        earliest = earliest ? std::min(*earliest, job->deadline) : job->deadline;
      }
    }
  }
  return earliest;
}

JobPtr FairQueue::Remove(Group& group, std::list<JobPtr>::iterator position) {
  JobPtr job = std::move(*position);
  group.jobs.erase(position);
  bytes_ -= job->bytes;
  --size_;
  --group.caller->size;
  --lines_.find(group.line)->second.size;
  return job;
}

void FairQueue::Prune(Group& group) {
  if (!group.jobs.empty()) return;
  Caller& caller = *group.caller;
  const auto line = lines_.find(group.line);
  line->second.turns.erase(group.in_line);
  if (line->second.turns.empty()) lines_.erase(line);
  const auto known = caller.groups.find(group.line);
  const auto in_caller = known->second;
  caller.groups.erase(known);
  caller.turns.erase(in_caller);
  if (caller.turns.empty()) {
    callers_.erase(caller.name);
    turns_.erase(caller.self);
  }
}

}  // namespace twinseal::core
