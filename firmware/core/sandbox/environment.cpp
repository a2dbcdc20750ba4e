#include "firmware/core/sandbox/environment.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

namespace twinseal::core {
namespace {

// Where modules find their tokens and settings: SoftHSM, openCryptoki, NSS softokn, YubiHSM, Thales
// Luna, Entrust nShield, Utimaco, AWS CloudHSM, p11-kit's client.
constexpr auto kModuleVariables = std::to_array<std::string_view>(
    {"SOFTHSM2_CONF", "OPENCRYPTOKI_TRACE_LEVEL", "PKCS11_HOSTNAME", "NSS_DEFAULT_DB_TYPE",
     "YUBIHSM_PKCS11_CONF", "ChrystokiConfigurationPath", "CKNFAST_OVERRIDE_SECURITY_ASSURANCES",
     "CKNFAST_LOADSHARING", "CKNFAST_FAKE_ACCELERATOR_LOGIN", "NFAST_HOME", "CS_PKCS11_R2_CFG",
     "CS_PKCS11_R3_CFG", "CLOUDHSM_PKCS11_CONFIG", "P11_KIT_SERVER_ADDRESS", "LANG", "TZ"});

Status CloseRange(unsigned first, unsigned last) {
  if (first > last || close_range(first, last, 0) == 0) return Ok();
  return Error(Code::kInternal, fmt::format("descriptors {} to {} cannot be closed: {}", first,
                                            last, std::strerror(errno)));
}

}  // namespace

Status CloseOtherDescriptors(std::span<const int> kept) {
  std::vector<int> sorted(kept.begin(), kept.end());
  std::ranges::sort(sorted);
  unsigned first = STDERR_FILENO + 1;
  for (const int fd : sorted) {
    if (fd < 0) continue;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
      return Error(Code::kInvalidArgument, fmt::format("descriptor {} is not open", fd));
    }
    const auto number = static_cast<unsigned>(fd);
    if (number < first) continue;
    if (number > first) TWINSEAL_RETURN_IF_ERROR(CloseRange(first, number - 1));
    first = number + 1;
  }
  return CloseRange(first, std::numeric_limits<unsigned>::max());
}

Status ScrubEnvironment(std::span<const std::string> also) {
  std::vector<std::pair<std::string, std::string>> wanted;
  const auto keep = [&](std::string name) {
    if (const char* value = std::getenv(name.c_str()); value != nullptr) {
      wanted.emplace_back(std::move(name), value);
    }
  };
  for (const std::string_view name : kModuleVariables) keep(std::string(name));
  for (const std::string& name : also) keep(name);
  if (clearenv() != 0) return Error(Code::kInternal, "the environment cannot be cleared");
  for (const auto& [name, value] : wanted) {
    if (setenv(name.c_str(), value.c_str(), 1) != 0) {
      return Error(Code::kInternal, fmt::format("the environment variable {} cannot be set", name));
    }
  }
  return Ok();
}

}  // namespace twinseal::core
