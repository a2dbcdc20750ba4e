// Text that a child process reads as a file, and that is on no file system.
#pragma once

#include "common/base/result.h"
#include "common/base/secret.h"
#include "common/base/unique_fd.h"

namespace twinseal::etcd {

// One owner; Replace may be called while others read.
class MemoryFile {
 public:
  // internal when the system has no memory or descriptor for it.
  static Result<MemoryFile> Make(const char* name, const Secret& text);

  // In one write, padded with line ends to the length that it had, so that a reader finds the old
  // text or the new, never less.
  Status Replace(const Secret& text);

  int fd() const { return fd_.get(); }

 private:
  explicit MemoryFile(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
  std::size_t size_ = 0;
};

}  // namespace twinseal::etcd
