#include "firmware/service/appliance/ready_file.h"

#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "common/base/own_folder.h"

namespace twinseal::service {

Status WriteReadyFile(const Options& options, std::uint16_t port) {
  if (options.ready_file.empty()) return Ok();
  return WriteFileAtomically(options.ready_file,
                             fmt::format("{{\"port\": {}, \"pid\": {}}}\n", port, getpid()));
}

void RemoveReadyFile(const Options& options) {
  std::error_code ignored;
  if (!options.ready_file.empty()) std::filesystem::remove(options.ready_file, ignored);
}

}  // namespace twinseal::service
