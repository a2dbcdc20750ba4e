#include "firmware/service/keys/key_directory.h"

#include <algorithm>

namespace twinseal::service {

bool LooksLikeKeyId(std::string_view text) {
  const auto hex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  };
  return text.size() == 2 * KeyId::kSize && std::ranges::all_of(text, hex);
}

Status KeyDirectory::Apply(v1::Key key, ledger::Revision modified) {
  TWINSEAL_ASSIGN_OR_RETURN(const KeyId id, KeyId::FromHex(key.key_id()));
  key.clear_versions();
  auto view = std::make_shared<KeyView>();
  view->id = id;
  view->key = std::move(key);
  view->modified = modified;

  const MutexLock lock(mutex_);
  const auto [at, added] = by_id_.try_emplace(id);
  Entry& entry = at->second;
  if (added) {
    entry.name = view->key.name();
    by_name_.emplace(entry.name, &entry);
    ordered_.emplace(entry.name, &entry);
  } else {
    const KeyView& before = *entry.view;
    if (before.modified >= modified) return Ok();
    --counts_[before.key.state()];
    if (before.key.state() == v1::PENDING_DESTRUCTION)
      due_.erase({before.key.destruction_unix_ms(), id});
  }
  ++counts_[view->key.state()];
  if (view->key.state() == v1::PENDING_DESTRUCTION)
    due_.insert({view->key.destruction_unix_ms(), id});
  entry.view = std::move(view);
  return Ok();
}

KeyDirectory::View KeyDirectory::Find(std::string_view key) const {
  if (LooksLikeKeyId(key)) {
    const Result<KeyId> id = KeyId::FromHex(key);
    return id.ok() ? Find(*id) : nullptr;
  }
  const MutexLock lock(mutex_);
  const auto found = by_name_.find(key);
  return found == by_name_.end() ? nullptr : found->second->view;
}

KeyDirectory::View KeyDirectory::Find(const KeyId& id) const {
  const MutexLock lock(mutex_);
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.view;
}

KeyDirectory::Page KeyDirectory::List(std::string_view after, std::size_t limit,
                                      const std::function<bool(const v1::Key&)>& wanted) const {
  Page page;
  const MutexLock lock(mutex_);
  for (auto at = ordered_.upper_bound(after); at != ordered_.end(); ++at) {
    const View& view = at->second->view;
    if (!wanted(view->key)) continue;
    if (page.keys.size() == limit) {
      page.more = true;
      break;
    }
    page.keys.push_back(view);
  }
  return page;
}

std::map<int, std::uint64_t> KeyDirectory::CountByState() const {
  const MutexLock lock(mutex_);
  return counts_;
}

std::size_t KeyDirectory::size() const {
  const MutexLock lock(mutex_);
  return by_id_.size();
}

std::vector<KeyId> KeyDirectory::DueAt(std::int64_t unix_ms) const {
  std::vector<KeyId> keys;
  const MutexLock lock(mutex_);
  for (const Due& due : due_) {
    if (due.first > unix_ms) break;
    keys.push_back(due.second);
  }
  return keys;
}

}  // namespace twinseal::service
