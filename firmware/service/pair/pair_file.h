// What the appliance keeps of its pair in a file, and what passes between it and its console.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::service {

// data_dir/pair: `state`, and while a ceremony waits for the console `pending.json` and
// `confirmed`. Thread-safe.
class PairFile {
 public:
  // The state is that of an appliance that is alone when there is no file. data_loss, by the file's
  // name, when it cannot be read.
  static Result<std::unique_ptr<PairFile>> Open(const std::filesystem::path& data_dir);

  v1::PairState state() const TWINSEAL_EXCLUDES(mutex_);
  // Whether the ledger is, is becoming or was the pair's.
  bool paired() const;

  // Makes the change durable, then lets it be seen. One that cannot be written changes nothing.
  Status Change(const std::function<void(v1::PairState&)>& change) TWINSEAL_EXCLUDES(mutex_);

  // Tells the console what its operator is to confirm; a confirmation of anything else is void.
  Status AskConsole(const v1::PendingPairing& pending) const;
  // failed_precondition, saying what to do, until the operator has confirmed this very code.
  Status CheckConfirmed(const std::string& pairing_id, const std::string& code) const;
  void ForgetConsole() const;

 private:
  PairFile(std::filesystem::path folder, v1::PairState state)
      : folder_(std::move(folder)), state_(std::move(state)) {}

  const std::filesystem::path folder_;
  mutable Mutex mutex_;
  v1::PairState state_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::service
