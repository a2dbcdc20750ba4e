#include "firmware/service/appliance/destruction_timer.h"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "firmware/service/appliance/own_record.h"

namespace twinseal::service {
namespace {

constexpr std::chrono::seconds kLookEvery{1};
// For one destruction: erasing in the vault and purging the ledger's files take milliseconds.
constexpr std::chrono::seconds kDestructionTime{30};

}  // namespace

DestructionTimer::DestructionTimer(KeyDirectory& directory, KeyStore& store, audit::AuditLog& log,
                                   WallClock clock)
    : directory_(directory), store_(store), log_(log), clock_(std::move(clock)) {}

DestructionTimer::~DestructionTimer() { Stop(); }

void DestructionTimer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void DestructionTimer::Stop() {
  {
    const MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void DestructionTimer::Run() {
  for (;;) {
    DestroyDue();
    const MutexLock lock(mutex_);
    const auto next = std::chrono::steady_clock::now() + kLookEvery;
    while (!stopping_ && changed_.WaitUntil(mutex_, next)) {
    }
    if (stopping_) return;
  }
}

void DestructionTimer::DestroyDue() {
  for (const KeyId& id : directory_.DueAt(clock_())) {
    const Result<std::optional<v1::Key>> done =
        store_.DestroyIfDue(id, std::chrono::steady_clock::now() + kDestructionTime);
    if (done.ok() && !*done) continue;
    v1::Key key;
    key.set_key_id(id.Hex());
    if (const KeyDirectory::View view = directory_.Find(id)) key = view->key;
    v1::AuditRecord record = OwnRecord("appliance/DestroyKey", store_.site(), key);
    if (done.ok()) {
      record.set_detail("the waiting period is over");
    } else {
      // Not recorded each second that the core is away. One that is in the ledger already is
      // recorded when it is settled.
      spdlog::warn("destroying the key {}: {}", id.Hex(), done.error().message());
      if (done.error().code() == Code::kUnavailable) continue;
      record.set_outcome(std::string(CodeName(done.error().code())));
      record.set_detail(done.error().message());
    }
    if (const Status recorded = log_.AppendAndWait(std::move(record)); !recorded.ok()) {
      spdlog::error("the destruction of key {} was not recorded: {}", id.Hex(),
                    recorded.error().message());
    }
  }
}

}  // namespace twinseal::service
