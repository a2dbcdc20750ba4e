#include "common/ledger/ledger.h"

#include <unordered_set>
#include <utility>

#include <fmt/format.h>

namespace twinseal::ledger {
namespace {

constexpr int kMaxCommitRepeats = 10;

std::size_t ValueSize(const Write& write) {
  const Put* put = std::get_if<Put>(&write);
  return put == nullptr ? 0 : put->value.size();
}

Error Bad(std::string_view why) {
  return Error(Code::kInvalidArgument,
               fmt::format("the ledger does not take the transaction: {}", why));
}

template <typename GetOne>
Result<std::vector<std::optional<Entry>>> OneByOne(const std::vector<std::string>& keys,
                                                   const GetOne& get_one) {
  std::vector<std::optional<Entry>> entries;
  for (const std::string& key : keys) {
    TWINSEAL_ASSIGN_OR_RETURN(entries.emplace_back(), get_one(key));
  }
  return entries;
}

}  // namespace

const std::string& KeyOf(const Guard& guard) {
  return std::visit([](const auto& one) -> const std::string& { return one.key; }, guard);
}

const std::string& KeyOf(const Write& write) {
  return std::visit([](const auto& one) -> const std::string& { return one.key; }, write);
}

std::string TouchedKey(const Touch& touch, std::size_t number) {
  return fmt::format("{}/{}", touch.key, number);
}

Guard AsRead(std::string key, Revision modified) {
  if (modified == Revision{}) return Absent{std::move(key)};
  return UnchangedSince{std::move(key), modified};
}

Guard AsRead(std::string key, const std::optional<Entry>& read) {
  return AsRead(std::move(key), read ? read->modified : Revision{});
}

Range Range::Prefix(std::string_view prefix, std::size_t limit) {
  // The first key behind all that begin so: the prefix, its last byte one higher. Bytes of 0xff
  // carry.
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xff) end.pop_back();
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return {std::string(prefix), std::move(end), limit};
}

Status CheckTransaction(const Transaction& transaction) {
  if (transaction.guards.size() > kMaxOperations || transaction.writes.size() > kMaxOperations) {
    return Bad(fmt::format("it has more than {} guards or writes", kMaxOperations));
  }
  std::size_t bytes = 0;
  for (const Guard& guard : transaction.guards) {
    if (KeyOf(guard).empty()) return Bad("a key is empty");
    bytes += KeyOf(guard).size();
  }
  std::unordered_set<std::string_view> written;
  for (const Write& write : transaction.writes) {
    if (KeyOf(write).empty()) return Bad("a key is empty");
    if (!written.insert(KeyOf(write)).second)
      return Bad(fmt::format("{} is written twice", KeyOf(write)));
    bytes += KeyOf(write).size() + ValueSize(write);
  }
  if (bytes > kMaxTransactionBytes) {
    return Bad(fmt::format("it has {} bytes; {} are the most", bytes, kMaxTransactionBytes));
  }
  return Ok();
}

Result<std::vector<std::optional<Entry>>> Ledger::GetAll(const std::vector<std::string>& keys) {
  return OneByOne(keys, [this](const std::string& key) { return Get(key); });
}

Result<std::vector<std::optional<Entry>>> Ledger::GetAllNearby(
    const std::vector<std::string>& keys) {
  return OneByOne(keys, [this](const std::string& key) { return GetNearby(key); });
}

Result<Outcome> CommitForCertain(Ledger& ledger, const Transaction& transaction) {
  for (int repeat = 1;; ++repeat) {
    Result<Outcome> outcome = ledger.Commit(transaction);
    const bool unknown = !outcome.ok() && outcome.error().code() == Code::kUnavailable;
    if (!unknown || repeat == kMaxCommitRepeats) return outcome;
  }
}

}  // namespace twinseal::ledger
