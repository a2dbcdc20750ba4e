// One site's audit log, read in pages.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/cli/remote.h"
#include "common/base/result.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::cli {

struct Checkpoints {
  std::vector<v1::AuditCheckpoint> all;  // By tree size.
  std::string public_key_pem;
};

// Every call goes to the appliance that answered the first one: each site has a log of its own. One
// thread.
class AuditLog {
 public:
  static Result<AuditLog> Open(Remote& remote);

  // How many records there were at the last answer but those of Read.
  std::uint64_t size() const { return size_; }
  // Asks for the size again.
  Status Refresh();

  // The site whose log it is.
  Result<std::string> Site();

  Result<Checkpoints> ReadCheckpoints();

  // The records from `first` up to but without `end`, in the order in which they are stored, a page
  // at a time. Ends early where the log does, or when `each` fails.
  using Each = std::function<Status(const v1::StoredAuditRecord& record)>;
  Status Read(std::uint64_t first, std::uint64_t end, const Each& each);

 private:
  AuditLog(Remote& remote, std::size_t endpoint, std::uint64_t size)
      : remote_(&remote), endpoint_(endpoint), size_(size) {}

  Remote* remote_;
  std::size_t endpoint_;
  std::uint64_t size_;
};

}  // namespace twinseal::cli
