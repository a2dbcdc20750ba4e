// What `twinseal pair create` remembers between its steps, in the agent's folder.
#pragma once

#include <optional>
#include <string>

#include "common/base/result.h"
#include "common/base/unique_fd.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::cli {

// One thread. Each Save() is on the disk when it returns.
class CeremonyFile {
 public:
  // Makes the folder (mode 0700) when it is not there. failed_precondition when another command
  // drives a ceremony from the same folder.
  static Result<CeremonyFile> Open(const std::string& data_dir);

  // Nothing when no ceremony is under way. data_loss when the file cannot be read.
  Result<std::optional<v1::CeremonyState>> Load() const;
  Status Save(const v1::CeremonyState& state) const;
  Status Remove() const;

 private:
  CeremonyFile(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}

  std::string path_;
  UniqueFd lock_;  // Of the folder, for as long as the object lives.
};

// The request id of one step: the same each time that the step is repeated.
std::string CeremonyRequestId(const v1::CeremonyState& state, const std::string& step);

}  // namespace twinseal::cli
