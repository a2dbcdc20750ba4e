// What runs exchanges waits between them, with its connections open.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <utility>

#include "common/base/mutex.h"
#include "common/https/transfer.h"

namespace twinseal::https {

// Whoever has been idle for longer than this is closed when another comes back: its connections
// are too old to be used again.
inline constexpr std::chrono::seconds kMaxIdle{90};

// Thread-safe; what runs at the same time has a `User` (a Race) of its own.
template <typename User>
class Pool {
 public:
  // Gives its user back. The pool outlives it.
  class Lease {
   public:
    Lease(Pool& pool, std::unique_ptr<User> user) : pool_(&pool), user_(std::move(user)) {}
    ~Lease() {
      if (user_ != nullptr) pool_->GiveBack(std::move(user_));
    }
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    User* operator->() const { return user_.get(); }
    User& operator*() const { return *user_; }

   private:
    Pool* pool_;
    std::unique_ptr<User> user_;
  };

  // As for the users.
  Pool(const Identity& identity, std::size_t max_answer)
      : identity_(identity), max_answer_(max_answer) {}

  // The one that was used last, so that as few connections as possible stay open.
  Lease Take() TWINSEAL_EXCLUDES(mutex_) {
    {
      const MutexLock lock(mutex_);
      if (!idle_.empty()) {
        std::unique_ptr<User> user = std::move(idle_.back().user);
        idle_.pop_back();
        return Lease(*this, std::move(user));
      }
    }
    return Lease(*this, std::make_unique<User>(identity_, max_answer_));
  }

 private:
  using Clock = std::chrono::steady_clock;
  struct Idle {
    std::unique_ptr<User> user;
    Clock::time_point since;
  };

  void GiveBack(std::unique_ptr<User> user) TWINSEAL_EXCLUDES(mutex_) {
    const Clock::time_point now = Clock::now();
    std::unique_ptr<User> aged;  // Ends after the lock does.
    const MutexLock lock(mutex_);
    if (!idle_.empty() && idle_.front().since + kMaxIdle < now) {
      aged = std::move(idle_.front().user);
      idle_.pop_front();
    }
    idle_.push_back({std::move(user), now});
  }

  const Identity& identity_;
  const std::size_t max_answer_;
  Mutex mutex_;
  std::deque<Idle> idle_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::https
