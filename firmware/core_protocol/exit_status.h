// The exit statuses of twinseal-core. twinseald reads them to know whether starting the core again
// can help, and to tell the operator why the appliance is not ready.
#pragma once

#include <string_view>

namespace twinseal::core_protocol {

// Extend only: scripts and unit files know the numbers.
enum class CoreExit : int {
  kDone = 0,               // The peer closed the socket, and all that was accepted is answered.
  kFailed = 1,             // Something that has no status of its own; the log says what.
  kUsage = 2,              // Wrong flags.
  kPinMissing = 10,        // No PIN came through a descriptor or a credential, or it is empty.
  kPinWrong = 11,          // The token refused the PIN just now.
  kPinRefusedBefore = 12,  // The same PIN was refused before, so it was not tried again.
  kPinLocked = 13,         // The token has locked its PIN.
  kModuleMissing = 14,     // The PKCS#11 module cannot be loaded or set up.
  kTokenMissing = 15,      // The module has no such token, or it is not initialized.
  kNotSetUp =
      16,  // The token lacks the appliance's own keys: `twinseal appliance init` makes them.
  kTokenUnfit = 17,  // The token lacks a mechanism that the appliance needs.
  kVaultUnusable =
      18,         // The vault cannot be opened: damaged as a whole, not ours, or on a broken disk.
  kHsmHung = 19,  // Too many HSM calls never came back.
  kProtocolError = 20,  // What came through the socket is not the protocol.
  kSandboxFailed = 21,  // The process could not be locked down.
};

// One sentence for the operator: what is wrong and what to do.
std::string_view Describe(CoreExit status);

// Whether the same core, started again with the same PIN and token, may succeed. A core that was
// killed by a signal is always worth another start.
bool RestartMayHelp(CoreExit status);

}  // namespace twinseal::core_protocol
