#include "firmware/journal/copier_thread.h"

#include <utility>

#include <spdlog/spdlog.h>

namespace twinseal::journal {
namespace {

using std::chrono::steady_clock;

// While the disk does not keep up. Beyond it, what was heard is forgotten and read again later.
constexpr std::size_t kMaxHeardBytes = std::size_t{16} * 1024 * 1024;

}  // namespace

void CopierThread::Start() {
  thread_ = std::thread([this] { Run(); });
}

void CopierThread::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    news_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void CopierThread::Run() {
  do {
    const Status ended = CopyAndFollow();
    if (ended.ok()) return;
    // Once may be an election of the ledger.
    if (++failures_ == 1) continue;
    const std::string& problem = ended.error().message();
    if (failures_ == 2) {
      spdlog::warn("copying the ledger's journal into the archive: {}", problem);
    }
    backlog_.SetProblem(problem);
  } while (Pause());
}

Status CopierThread::CopyAndFollow() {
  TWINSEAL_ASSIGN_OR_RETURN(const ledger::Revision revision, copier_.CopyAll());
  {
    const MutexLock lock(mutex_);
    heard_.clear();
    heard_bytes_ = 0;
    lost_.reset();
  }
  TWINSEAL_ASSIGN_OR_RETURN(
      const std::unique_ptr<ledger::Feed> feed,
      ledger_.Follow(
          std::string(kPrefix), revision, [this](const ledger::Change& change) { Hear(change); },
          [this](const Error& error) {
            const MutexLock lock(mutex_);
            lost_ = error;
            news_.NotifyAll();
          }));
  std::vector<ledger::Change> changes;
  while (true) {
    TWINSEAL_RETURN_IF_ERROR(copier_.Acknowledge());
    TWINSEAL_RETURN_IF_ERROR(copier_.Drop());
    failures_ = 0;
    backlog_.SetProblem("");
    TWINSEAL_ASSIGN_OR_RETURN(const bool go_on, AwaitChanges(changes));
    if (!go_on) return Ok();
    if (!changes.empty()) TWINSEAL_RETURN_IF_ERROR(copier_.Take(changes));
  }
}

void CopierThread::Hear(const ledger::Change& change) {
  copier_.Hear(change);
  const bool recounted = change.key == kBasePath;
  if (!recounted && !change.key.starts_with(kEntryPrefix)) return;
  const MutexLock lock(mutex_);
  heard_bytes_ += change.key.size() + (change.value ? change.value->size() : 0);
  if (recounted) {
    lost_ = Error(Code::kOutOfRange, "positions count from another base now");
  } else if (heard_bytes_ > kMaxHeardBytes) {
    heard_.clear();
    lost_ = Error(Code::kOutOfRange, "more is issued than the archive's disk takes");
  } else {
    heard_.push_back(change);
  }
  news_.NotifyAll();
}

Result<bool> CopierThread::AwaitChanges(std::vector<ledger::Change>& changes) {
  changes.clear();
  const auto tend = steady_clock::now() + pace_.tend;
  const MutexLock lock(mutex_);
  while (!stopping_ && !lost_ && heard_.empty() && news_.WaitUntil(mutex_, tend)) {
  }
  if (!heard_.empty()) {
    const auto gathered = steady_clock::now() + pace_.gather;
    while (!stopping_ && !lost_ && news_.WaitUntil(mutex_, gathered)) {
    }
  }
  if (stopping_) return false;
  if (lost_) return *lost_;
  changes.swap(heard_);
  heard_bytes_ = 0;
  return true;
}

bool CopierThread::Pause() {
  const auto until = steady_clock::now() + pace_.retry;
  const MutexLock lock(mutex_);
  while (!stopping_ && news_.WaitUntil(mutex_, until)) {
  }
  return !stopping_;
}

}  // namespace twinseal::journal
