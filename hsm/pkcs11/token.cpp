#include "hsm/pkcs11/token.h"

#include <algorithm>
#include <array>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "hsm/pkcs11/rv.h"
#include "hsm/pkcs11/text.h"

namespace twinseal::hsm {
namespace {

constexpr std::size_t kLabelSize = 32;

std::optional<TokenInfo> AskToken(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot) {
  CK_TOKEN_INFO info{};
  if (functions.C_GetTokenInfo(slot, &info) != CKR_OK) return std::nullopt;
  return TokenInfo{slot,
                   Unpad(info.label),
                   Unpad(info.manufacturerID),
                   Unpad(info.model),
                   Unpad(info.serialNumber),
                   info.flags};
}

bool Matches(const std::optional<std::string>& wanted, const std::string& found) {
  return !wanted.has_value() || *wanted == found;
}

bool Matches(const TokenSelector& selector, const TokenInfo& token) {
  return Matches(selector.label, token.label) &&
         Matches(selector.manufacturer, token.manufacturer) &&
         Matches(selector.model, token.model) && Matches(selector.serial, token.serial) &&
         (!selector.slot_id.has_value() || *selector.slot_id == token.slot);
}

// Cryptoki takes PINs without const and only reads them.
CK_UTF8CHAR* PinPointer(const Secret& pin) {
  static CK_UTF8CHAR empty = 0;
  return pin.empty() ? &empty : const_cast<CK_UTF8CHAR*>(pin.Reveal(SecretAccess()).data());
}

}  // namespace

Result<std::vector<TokenInfo>> ListTokens(const Module& module) {
  const CK_FUNCTION_LIST& functions = module.functions();
  std::vector<CK_SLOT_ID> slots;
  CK_RV rv = CKR_BUFFER_TOO_SMALL;
  // A token may be inserted between the two calls.
  for (int attempt = 0; rv == CKR_BUFFER_TOO_SMALL && attempt < 3; ++attempt) {
    CK_ULONG count = 0;
    rv = functions.C_GetSlotList(CK_TRUE, nullptr, &count);
    if (rv != CKR_OK) break;
    slots.resize(count);
    if (count == 0) break;
    rv = functions.C_GetSlotList(CK_TRUE, slots.data(), &count);
    if (rv == CKR_OK) slots.resize(std::min<std::size_t>(count, slots.size()));
  }
  if (rv != CKR_OK) return RvError(rv, "listing the HSM's slots");

  std::vector<TokenInfo> tokens;
  for (const CK_SLOT_ID slot : slots) {
    if (auto token = AskToken(functions, slot)) tokens.push_back(std::move(*token));
  }
  return tokens;
}

Result<TokenInfo> FindToken(const Module& module, const TokenSelector& selector) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<TokenInfo> tokens, ListTokens(module));
  std::vector<TokenInfo> found;
  std::vector<std::string> labels;
  for (const TokenInfo& token : tokens) {
    if (!token.initialized()) continue;
    labels.push_back(fmt::format("'{}'", token.label));
    if (Matches(selector, token)) found.push_back(token);
  }
  if (found.empty()) {
    return Error(Code::kUnavailable,
                 fmt::format("{} is not present in the HSM; there is {}", selector.Describe(),
                             labels.empty() ? "no initialized token"
                                            : fmt::format("{}", fmt::join(labels, ", "))),
                 "CKR_TOKEN_NOT_PRESENT");
  }
  if (found.size() > 1) {
    return Error(Code::kFailedPrecondition,
                 fmt::format("{} is present {} times; name its serial in a PKCS#11 URI",
                             selector.Describe(), found.size()));
  }
  return found.front();
}

Result<TokenInfo> FindBlankToken(const Module& module) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<TokenInfo> tokens, ListTokens(module));
  const auto blank = std::ranges::find_if_not(tokens, &TokenInfo::initialized);
  if (blank == tokens.end()) {
    return Error(Code::kNotFound, "the HSM has no blank token; initialize one with its own tools");
  }
  return *blank;
}

Result<TokenInfo> InitializeToken(const Module& module, CK_SLOT_ID slot, const Secret& so_pin,
                                  std::string_view label) {
  if (label.empty() || label.size() > kLabelSize) {
    return Error(Code::kInvalidArgument,
                 fmt::format("a token's label has 1 to {} bytes", kLabelSize));
  }
  std::array<CK_UTF8CHAR, kLabelSize> padded{};
  padded.fill(' ');
  std::ranges::copy(label, padded.begin());
  const CK_RV rv =
      module.functions().C_InitToken(slot, PinPointer(so_pin), so_pin.size(), padded.data());
  if (rv != CKR_OK)
    return RvError(rv, fmt::format("initializing the token '{}' as security officer", label));
  // Asked by its slot: a module that labels its tokens itself (NSS softokn) has paid no attention
  // to the label.
  auto token = AskToken(module.functions(), slot);
  if (!token.has_value())
    return RvError(CKR_TOKEN_NOT_PRESENT, "looking for the token that was just initialized");
  return *std::move(token);
}

Status InitializePin(const Module& module, CK_SLOT_ID slot, const Secret& so_pin,
                     const Secret& pin) {
  const CK_FUNCTION_LIST& functions = module.functions();
  CK_SESSION_HANDLE session = 0;
  CK_RV rv = functions.C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr,
                                     &session);
  if (rv != CKR_OK) return RvError(rv, "opening a session to set the user's PIN");
  Status status = Ok();
  rv = functions.C_Login(session, CKU_SO, PinPointer(so_pin), so_pin.size());
  if (rv != CKR_OK) {
    status = RvError(rv, "logging in to the token as security officer");
  } else {
    rv = functions.C_InitPIN(session, PinPointer(pin), pin.size());
    if (rv != CKR_OK) status = RvError(rv, "setting the user's PIN");
    (void)functions.C_Logout(session);
  }
  (void)functions.C_CloseSession(session);
  return status;
}

}  // namespace twinseal::hsm
