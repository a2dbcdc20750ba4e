// Jobs for the scheduler's tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "firmware/core/scheduler/job.h"

namespace twinseal::core {

inline Line LineOf(std::uint8_t key) {
  Bytes id(KeyId::kSize, 0);
  id[0] = key;
  return {.key = *KeyId::FromBytes(id), .version = KeyVersion{1}};
}

// A request to sign one digest; its number tells it from others.
inline JobPtr MakeJob(std::uint64_t number, std::string caller = "alice", std::uint8_t key = 1,
                      Clock::time_point deadline = Clock::now() + std::chrono::minutes(1)) {
  auto job = std::make_unique<Job>();
  job->request.set_number(number);
  job->request.mutable_sign()->set_revision(1);
  job->caller = std::move(caller);
  job->line = LineOf(key);
  job->joinable_items = 1;
  job->bytes = 100;
  job->deadline = deadline;
  job->patience = std::chrono::minutes(1);
  return job;
}

inline std::vector<JobPtr> One(JobPtr job) {
  std::vector<JobPtr> jobs;
  jobs.push_back(std::move(job));
  return jobs;
}

}  // namespace twinseal::core
