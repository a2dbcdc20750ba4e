#include "firmware/core_protocol/exit_status.h"

namespace twinseal::core_protocol {

std::string_view Describe(CoreExit status) {
  switch (status) {
    case CoreExit::kDone:
      return "the signing core ended as it was asked to";
    case CoreExit::kFailed:
      return "the signing core failed; its log says why";
    case CoreExit::kUsage:
      return "the signing core was started with wrong flags";
    case CoreExit::kPinMissing:
      return "the HSM's user PIN was not given; pass it through a descriptor or the credential "
             "hsm-pin";
    case CoreExit::kPinWrong:
      return "the HSM refused the user PIN; it is not tried again until another PIN is given";
    case CoreExit::kPinRefusedBefore:
      return "the HSM refused this user PIN before, so it was not tried again; give the right PIN";
    case CoreExit::kPinLocked:
      return "the HSM has locked its user PIN after wrong ones; its security officer must set it "
             "anew";
    case CoreExit::kModuleMissing:
      return "the PKCS#11 module cannot be loaded; check hsm_module";
    case CoreExit::kTokenMissing:
      return "the HSM has no such token; check hsm_token and that the HSM is connected";
    case CoreExit::kNotSetUp:
      return "the token lacks the appliance's keys; run `twinseal appliance init`";
    case CoreExit::kTokenUnfit:
      return "the token lacks a mechanism that the appliance needs; the log names it";
    case CoreExit::kVaultUnusable:
      return "the vault cannot be opened; the log says why";
    case CoreExit::kHsmHung:
      return "the HSM does not answer: too many of its calls never came back";
    case CoreExit::kProtocolError:
      return "the signing core was sent something that is not its protocol";
    case CoreExit::kSandboxFailed:
      return "the signing core could not lock itself down; the log says which step failed";
  }
  return "the signing core ended with an unknown status";
}

bool RestartMayHelp(CoreExit status) {
  switch (status) {
    case CoreExit::kDone:
    case CoreExit::kFailed:
    case CoreExit::kTokenMissing:
    case CoreExit::kModuleMissing:
    case CoreExit::kVaultUnusable:
    case CoreExit::kHsmHung:
    case CoreExit::kProtocolError:
      return true;
    case CoreExit::kUsage:
    case CoreExit::kPinMissing:
    case CoreExit::kPinWrong:
    case CoreExit::kPinRefusedBefore:
    case CoreExit::kPinLocked:
    case CoreExit::kNotSetUp:
    case CoreExit::kTokenUnfit:
    case CoreExit::kSandboxFailed:
      return false;
  }
  return true;
}

}  // namespace twinseal::core_protocol
