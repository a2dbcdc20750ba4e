#include "firmware/service/pair/late_ledger.h"

#include <utility>

#include <fmt/format.h>

namespace twinseal::service {
namespace {

constexpr std::string_view kNotOpen = "the pair's ledger cannot be reached from this site: ";

}  // namespace

void LateLedger::Open(std::unique_ptr<ledger::EtcdLedger> engine) {
  const MutexLock lock(mutex_);
  engine_ = std::move(engine);
}

void LateLedger::Waits(std::string why) {
  // Who brings it up has asked this ledger itself, which waits for what it waited for before.
  if (why.find(kNotOpen) != std::string::npos) return;
  const MutexLock lock(mutex_);
  why_ = std::move(why);
}

ledger::EtcdLedger* LateLedger::engine() const {
  const MutexLock lock(mutex_);
  return engine_.get();
}

Error LateLedger::NotOpen() const {
  const MutexLock lock(mutex_);
  return Error(Code::kUnavailable, fmt::format("{}{}", kNotOpen, why_));
}

ledger::Sighting LateLedger::seen() const {
  const ledger::EtcdLedger* const now = engine();
  return now == nullptr ? ledger::Sighting{} : now->seen();
}

Result<std::optional<ledger::Entry>> LateLedger::Get(std::string_view key) {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->Get(key);
}

Result<ledger::Listing> LateLedger::List(const ledger::Range& range) {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->List(range);
}

Result<std::optional<ledger::Entry>> LateLedger::GetNearby(std::string_view key) {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->GetNearby(key);
}

Result<std::vector<std::optional<ledger::Entry>>> LateLedger::GetAll(
    const std::vector<std::string>& keys) {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->GetAll(keys);
}

Result<std::vector<std::optional<ledger::Entry>>> LateLedger::GetAllNearby(
    const std::vector<std::string>& keys) {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->GetAllNearby(keys);
}

Result<ledger::Outcome> LateLedger::Commit(const ledger::Transaction& transaction) {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->Commit(transaction);
}

Result<ledger::Revision> LateLedger::CurrentRevision() {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->CurrentRevision();
}

ledger::Revision LateLedger::SeenRevision() {
  ledger::Ledger* const now = engine();
  return now == nullptr ? ledger::Revision{} : now->SeenRevision();
}

Result<std::unique_ptr<ledger::Feed>> LateLedger::Follow(
    std::string prefix, ledger::Revision after,
    std::function<void(const ledger::Change&)> on_change,
    std::function<void(const Error&)> on_lost) {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->Follow(std::move(prefix), after, std::move(on_change), std::move(on_lost));
}

Status LateLedger::Purge() {
  ledger::Ledger* const now = engine();
  if (now == nullptr) return NotOpen();
  return now->Purge();
}

std::string LateLedger::EngineName() const {
  const ledger::Ledger* const now = engine();
  return now == nullptr ? "etcd" : now->EngineName();
}

}  // namespace twinseal::service
