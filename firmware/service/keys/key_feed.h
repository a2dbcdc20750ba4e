// Keeps the local view as the ledger is: reads every key once, then follows the ledger's feed.
#pragma once

#include <memory>
#include <thread>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "common/ledger/ledger.h"
#include "firmware/service/keys/key_directory.h"

namespace twinseal::service {

class KeyFeed {
 public:
  KeyFeed(ledger::Ledger& ledger, KeyDirectory& directory);
  // As Stop().
  ~KeyFeed();

  KeyFeed(const KeyFeed&) = delete;
  KeyFeed& operator=(const KeyFeed&) = delete;

  // Returns when the directory holds every key. Blocks on the ledger. When the feed is lost later,
  // a thread reads all keys again and follows from there.
  Status Start();
  void Stop();

 private:
  Status LoadAndFollow();
  void Run();

  ledger::Ledger& ledger_;
  KeyDirectory& directory_;

  Mutex mutex_;
  Condition changed_;
  bool lost_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool stopping_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<ledger::Feed> feed_;  // Touched by Start, then by the thread, then by Stop.
  std::thread thread_;
};

}  // namespace twinseal::service
