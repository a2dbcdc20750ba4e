#include "hsm/openssl/token_key.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <libp11.h>
#include <openssl/err.h>

namespace twinseal::hsm {
namespace {

Error LibP11Error(Code code, std::string message) {
  const unsigned long number = ERR_peek_last_error();
  const char* const reason = number != 0 ? ERR_reason_error_string(number) : nullptr;
  if (reason != nullptr) message += fmt::format(" ({})", reason);
  ERR_clear_error();
  return Error(code, std::move(message));
}

std::string Text(const char* text) { return text != nullptr ? text : ""; }

bool Matches(const std::optional<std::string>& wanted, const char* found) {
  return !wanted.has_value() || *wanted == Text(found);
}

bool Matches(const TokenSelector& selector, PKCS11_SLOT* slot) {
  const PKCS11_TOKEN* const token = slot->token;
  return token != nullptr && token->initialized != 0 && Matches(selector.label, token->label) &&
         Matches(selector.manufacturer, token->manufacturer) &&
         Matches(selector.model, token->model) && Matches(selector.serial, token->serialnr) &&
         (!selector.slot_id.has_value() || *selector.slot_id == PKCS11_get_slotid_from_slot(slot));
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};

}  // namespace

struct TokenKey::Impl {
  explicit Impl(Module used) : module(std::move(used)) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    key.reset();
    // Releasing a slot closes every session that this process has with it. Where others have
    // sessions, libp11's few bytes are left behind instead: this is for set-up, not for every day.
    if (slots != nullptr && module.initialized_here())
      PKCS11_release_all_slots(context, slots, slot_count);
    // PKCS11_CTX_unload would finalize the module under whoever else uses it; `module` knows
    // whether that is due.
    if (context != nullptr) PKCS11_CTX_free(context);
  }

  Module module;  // Outlives what libp11 holds.
  PKCS11_CTX* context = nullptr;
  PKCS11_SLOT* slots = nullptr;
  unsigned slot_count = 0;
  std::unique_ptr<EVP_PKEY, FreeKey> key;
};

TokenKey::TokenKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TokenKey::~TokenKey() = default;
TokenKey::TokenKey(TokenKey&&) noexcept = default;
TokenKey& TokenKey::operator=(TokenKey&&) noexcept = default;

EVP_PKEY* TokenKey::get() const { return impl_->key.get(); }

Result<TokenKey> TokenKey::Open(const ModuleOptions& module, const TokenSelector& token,
                                const Secret& pin, const std::string& label) {
  TWINSEAL_ASSIGN_OR_RETURN(Module used, Module::Load(module));
  const bool initialized_here = used.initialized_here();
  auto impl = std::make_unique<Impl>(std::move(used));
  impl->context = PKCS11_CTX_new();
  if (impl->context == nullptr) return LibP11Error(Code::kInternal, "libp11 could not be set up");
  if (!module.init_string.empty()) PKCS11_CTX_init_args(impl->context, module.init_string.c_str());
  if (PKCS11_CTX_load(impl->context, module.path.c_str()) != 0) {
    return LibP11Error(Code::kUnavailable,
                       fmt::format("libp11 cannot load the PKCS#11 module {}", module.path));
  }
  if (PKCS11_enumerate_slots(impl->context, &impl->slots, &impl->slot_count) != 0) {
    return LibP11Error(Code::kUnavailable, "libp11 cannot list the HSM's slots");
  }
  PKCS11_SLOT* const end = impl->slots + impl->slot_count;
  PKCS11_SLOT* const slot = std::find_if(
      impl->slots, end, [&token](PKCS11_SLOT& candidate) { return Matches(token, &candidate); });
  if (slot == end)
    return Error(Code::kUnavailable, token.Describe() + " is not present in the HSM");

  if (pin.empty() && initialized_here)
    return Error(Code::kFailedPrecondition, "the HSM's PIN is missing");
  if (!pin.empty()) {
    // libp11 takes a terminated string; the copy is scrubbed with the Secret.
    Secret terminated(pin.size() + 1);
    std::ranges::copy(pin.Reveal(SecretAccess()), terminated.Writable(SecretAccess()).begin());
    const auto* const text =
        reinterpret_cast<const char*>(terminated.Reveal(SecretAccess()).data());
    if (PKCS11_login(slot, 0, text) != 0) {
      return LibP11Error(Code::kFailedPrecondition, "the token did not accept the PIN");
    }
  }

  PKCS11_KEY* keys = nullptr;
  unsigned count = 0;
  if (PKCS11_enumerate_keys(slot->token, &keys, &count) != 0) {
    return LibP11Error(Code::kUnavailable, "libp11 cannot list the token's keys");
  }
  PKCS11_KEY* const key = std::find_if(keys, keys + count, [&label](const PKCS11_KEY& candidate) {
    return Text(candidate.label) == label;
  });
  if (key == keys + count)
    return Error(Code::kNotFound, fmt::format("the token has no private key '{}'", label));
  impl->key.reset(PKCS11_get_private_key(key));
  if (impl->key == nullptr) {
    return LibP11Error(Code::kUnimplemented,
                       fmt::format("OpenSSL cannot use the token's key '{}'", label));
  }
  return TokenKey(std::move(impl));
}

}  // namespace twinseal::hsm
