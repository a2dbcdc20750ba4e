#include "hsm/openssl/lean_context.h"

#include <array>
#include <string_view>
#include <vector>

#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rand.h>

namespace twinseal::hsm {
namespace {

constexpr const char* kProvider = "twinseal-lean";

// OpenSSL asks a provider with that provider's context. Here that is the default provider's, since
// its functions are called with it; so what is ours has to be found by the thread.
thread_local OSSL_PROVIDER* whole_of_this_thread = nullptr;

bool IsKept(const OSSL_ALGORITHM& decoder) {
  const std::string_view names(decoder.algorithm_names);
  const std::string_view name = names.substr(0, names.find(':'));
  const auto has = [properties = std::string_view(decoder.property_definition)](
                       std::string_view one) { return properties.find(one) != properties.npos; };
  return (name == "EC" || name == "RSA" || name == "ED25519") && has("input=der") &&
         (has("structure=PrivateKeyInfo") || has("structure=SubjectPublicKeyInfo"));
}

// `all` is the same table for each instance of the default provider, and so is this one.
const OSSL_ALGORITHM* KeptDecoders(const OSSL_ALGORITHM* all) {
  static const std::vector<OSSL_ALGORITHM> kept = [all] {
    std::vector<OSSL_ALGORITHM> found;
    for (const OSSL_ALGORITHM* one = all; one->algorithm_names != nullptr; ++one) {
      if (IsKept(*one)) found.push_back(*one);
    }
    found.push_back({});
    return found;
  }();
  return kept.data();
}

const OSSL_ALGORITHM* Query(void* /*context*/, int operation, int* no_cache) {
  if (whole_of_this_thread == nullptr) return nullptr;
  const OSSL_ALGORITHM* const all =
      OSSL_PROVIDER_query_operation(whole_of_this_thread, operation, no_cache);
  return operation == OSSL_OP_DECODER && all != nullptr ? KeptDecoders(all) : all;
}

int Initialize(const OSSL_CORE_HANDLE* /*handle*/, const OSSL_DISPATCH* /*core*/,
               const OSSL_DISPATCH** functions, void** context) {
  static const std::array<OSSL_DISPATCH, 2> ours = {
      {{OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(Query)}, {0, nullptr}}};
  *functions = ours.data();
  *context = OSSL_PROVIDER_get0_provider_ctx(whole_of_this_thread);
  return 1;
}

OSSL_PROVIDER* Load(OSSL_LIB_CTX* context) {
  return OSSL_PROVIDER_add_builtin(context, kProvider, Initialize) == 1
             ? OSSL_PROVIDER_load(context, kProvider)
             : nullptr;
}

// Whoever signs or makes keys needs it; what an OpenSSL to come asks of a provider is not known
// here.
bool GivesRandomNumbers(OSSL_LIB_CTX* context) {
  unsigned char byte = 0;
  return RAND_priv_bytes_ex(context, &byte, sizeof byte, 0) == 1;
}

}  // namespace

LeanContext::LeanContext() : whole_context_(OSSL_LIB_CTX_new()), context_(OSSL_LIB_CTX_new()) {
  if (whole_of_this_thread != nullptr || whole_context_ == nullptr || context_ == nullptr) return;
  whole_ = OSSL_PROVIDER_load(whole_context_, "default");
  if (whole_ != nullptr) {
    whole_of_this_thread = whole_;
    // OpenSSL 3.5's generators look in the one context for the provider that they came from in the
    // other, by name.
    alias_ = Load(whole_context_);
    if (alias_ != nullptr) provider_ = Load(context_);
  }
  usable_ = provider_ != nullptr && GivesRandomNumbers(context_);
  if (!usable_) ERR_clear_error();
}

LeanContext::~LeanContext() {
  // What the context holds was made by the default provider, which therefore goes last.
  if (provider_ != nullptr) OSSL_PROVIDER_unload(provider_);
  OSSL_LIB_CTX_free(context_);
  if (alias_ != nullptr) OSSL_PROVIDER_unload(alias_);
  if (whole_ != nullptr) {
    whole_of_this_thread = nullptr;
    OSSL_PROVIDER_unload(whole_);
  }
  OSSL_LIB_CTX_free(whole_context_);
}

}  // namespace twinseal::hsm
