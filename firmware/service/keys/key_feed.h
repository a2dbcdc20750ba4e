// Keeps the local view as the ledger is: reads every key once, then follows the ledger's feed.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/service/keys/applied.h"
#include "firmware/service/keys/key_directory.h"

namespace twinseal::service {

class KeyFeed {
 public:
  // Told of each key that changed since the view had it; may be null, must be quick.
  using OnChange = std::function<void(const KeyId&)>;

  KeyFeed(ledger::Ledger& ledger, KeyDirectory& directory, OnChange on_change = nullptr);
  // As Stop().
  ~KeyFeed();

  KeyFeed(const KeyFeed&) = delete;
  KeyFeed& operator=(const KeyFeed&) = delete;

  // Returns when the directory holds every key. Blocks on the ledger. When the feed is lost later,
  // a thread reads all keys again and follows from there.
  Status Start();
  void Stop();

  // How far the directory is. Each commit writes one key's record at most, so the view is whole at
  // each revision that it hears of.
  Applied& applied() { return applied_; }

 private:
  Status LoadAndFollow();
  void Take(std::string_view path, BytesView value, ledger::Revision modified);
  void Run();

  ledger::Ledger& ledger_;
  KeyDirectory& directory_;
  const OnChange on_change_;
  Applied applied_;

  Mutex mutex_;
  Condition changed_;
  bool lost_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<ledger::Feed> feed_;  // Touched by Start, then by the thread, then by Stop.
  std::thread thread_;
};

}  // namespace twinseal::service
