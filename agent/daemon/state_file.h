// What the agent keeps of the pair, in data_dir/state. `twinseal pair` writes the pair's record
// there, the daemon what it has seen.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "common/base/mutex.h"
#include "common/base/result.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::agent {

// Thread-safe. The file is what counts: it is read before each change.
class StateFile {
 public:
  // not_found while the agent belongs to no pair; data_loss when the file cannot be read.
  static Result<std::unique_ptr<StateFile>> Open(std::filesystem::path path);

  // As it was read or changed last.
  v1::WitnessState state() const TWINSEAL_EXCLUDES(mutex_);
  // On the disk when it returns. Errors as of Open.
  Status Change(const std::function<void(v1::WitnessState&)>& change) TWINSEAL_EXCLUDES(mutex_);
  // Takes over what others have written. Errors as of Open.
  Status Refresh() TWINSEAL_EXCLUDES(mutex_);

 private:
  StateFile(std::filesystem::path path, v1::WitnessState state)
      : path_(std::move(path)), state_(std::move(state)) {}

  const std::filesystem::path path_;
  mutable Mutex mutex_;
  v1::WitnessState state_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::agent
