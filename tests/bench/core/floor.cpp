#include "tests/bench/core/floor.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <dlfcn.h>
#include <fmt/format.h>
#include <p11-kit/pkcs11.h>

#include "tests/bench/parts/fail.h"

namespace twinseal::bench {
namespace {

constexpr std::size_t kKekBytes = 32;
constexpr std::size_t kMacBytes = 32;
constexpr std::size_t kSha256Bytes = 32;
constexpr std::size_t kDigestInfoBytes = 19 + kSha256Bytes;  // RFC 8017 §9.2, note 1.
// A header of the blob format with a P-256 public key and an empty policy: what the binding covers
// besides the keys.
constexpr std::size_t kHeaderBytes = 160;

CK_BBOOL kTrue = CK_TRUE;
CK_BBOOL kFalse = CK_FALSE;

void Require(CK_RV rv, const char* call) {
  if (rv == CKR_OK) return;
  Fail(fmt::format("{} failed with {:#x}", call, rv));
}

template <typename T>
CK_ATTRIBUTE Attribute(CK_ATTRIBUTE_TYPE type, T& value) {
  return {type, &value, sizeof value};
}

struct Blob {
  std::vector<CK_BYTE> kek = std::vector<CK_BYTE>(256);
  std::vector<CK_BYTE> key = std::vector<CK_BYTE>(4096);
  std::array<CK_BYTE, kMacBytes> mac{};

  // What the binding covers.
  std::vector<CK_BYTE> Bound() const {
    std::vector<CK_BYTE> bytes(kHeaderBytes + kek.size() + key.size());
    const auto rest = std::ranges::copy(kek, bytes.begin() + kHeaderBytes).out;
    std::ranges::copy(key, rest);
    return bytes;
  }
};

}  // namespace

struct Floor::State {
  CK_FUNCTION_LIST* p11 = nullptr;
  CK_SLOT_ID slot = 0;
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE site_kek = 0;
  CK_OBJECT_HANDLE binding = 0;
  CK_OBJECT_HANDLE key = 0;
  bool rsa = false;

  CK_OBJECT_HANDLE FindSecret(const char* label) const;
  void MakeKey();
  CK_SESSION_HANDLE Open() const;
  CK_OBJECT_HANDLE FreshKek(CK_SESSION_HANDLE on) const;
  void Sign(CK_SESSION_HANDLE on, CK_OBJECT_HANDLE with) const;
  void Wrap(CK_SESSION_HANDLE on, CK_OBJECT_HANDLE what, Blob& into) const;
  void Activate(CK_SESSION_HANDLE on, Blob& blob, unsigned signatures) const;
};

CK_OBJECT_HANDLE Floor::State::FindSecret(const char* label) const {
  CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
  std::string name(label);
  std::array search = {Attribute(CKA_CLASS, secret),
                       CK_ATTRIBUTE{CKA_LABEL, name.data(), name.size()}};
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 0;
  Require(p11->C_FindObjectsInit(session, search.data(), search.size()), "C_FindObjectsInit");
  Require(p11->C_FindObjects(session, &found, 1, &count), "C_FindObjects");
  Require(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
  Require(count == 1 ? CKR_OK : CKR_OBJECT_HANDLE_INVALID, label);
  return found;
}

void Floor::State::MakeKey() {
  std::array<CK_BYTE, 10> p256 = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};
  CK_ULONG bits = 2048;
  std::array<CK_BYTE, 3> exponent = {1, 0, 1};
  std::vector<CK_ATTRIBUTE> public_template = {Attribute(CKA_VERIFY, kTrue)};
  if (rsa) {
    public_template.push_back(Attribute(CKA_MODULUS_BITS, bits));
    public_template.push_back({CKA_PUBLIC_EXPONENT, exponent.data(), exponent.size()});
  } else {
    public_template.push_back({CKA_EC_PARAMS, p256.data(), p256.size()});
  }
  std::array private_template = {Attribute(CKA_TOKEN, kFalse), Attribute(CKA_PRIVATE, kTrue),
                                 Attribute(CKA_SENSITIVE, kTrue), Attribute(CKA_EXTRACTABLE, kTrue),
                                 Attribute(CKA_SIGN, kTrue)};
  CK_MECHANISM generate{rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  CK_OBJECT_HANDLE public_key = 0;
  Require(
      p11->C_GenerateKeyPair(session, &generate, public_template.data(), public_template.size(),
                             private_template.data(), private_template.size(), &public_key, &key),
      "C_GenerateKeyPair");
}

CK_SESSION_HANDLE Floor::State::Open() const {
  CK_SESSION_HANDLE opened = 0;
  Require(p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &opened),
          "C_OpenSession");
  return opened;
}

CK_OBJECT_HANDLE Floor::State::FreshKek(CK_SESSION_HANDLE on) const {
  CK_MECHANISM generate{CKM_AES_KEY_GEN, nullptr, 0};
  CK_ULONG length = kKekBytes;
  std::array attributes = {Attribute(CKA_TOKEN, kFalse),    Attribute(CKA_PRIVATE, kTrue),
                           Attribute(CKA_SENSITIVE, kTrue), Attribute(CKA_EXTRACTABLE, kTrue),
                           Attribute(CKA_WRAP, kTrue),      Attribute(CKA_UNWRAP, kTrue),
                           Attribute(CKA_VALUE_LEN, length)};
  CK_OBJECT_HANDLE kek = 0;
  Require(p11->C_GenerateKey(on, &generate, attributes.data(), attributes.size(), &kek),
          "C_GenerateKey");
  return kek;
}

void Floor::State::Sign(CK_SESSION_HANDLE on, CK_OBJECT_HANDLE with) const {
  std::array<CK_BYTE, kDigestInfoBytes> input{};
  std::array<CK_BYTE, 512> signature{};
  CK_ULONG size = signature.size();
  CK_MECHANISM sign{rsa ? CKM_RSA_PKCS : CKM_ECDSA, nullptr, 0};
  Require(p11->C_SignInit(on, &sign, with), "C_SignInit");
  Require(
      p11->C_Sign(on, input.data(), rsa ? kDigestInfoBytes : kSha256Bytes, signature.data(), &size),
      "C_Sign");
}

void Floor::State::Wrap(CK_SESSION_HANDLE on, CK_OBJECT_HANDLE what, Blob& into) const {
  CK_MECHANISM wrap{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  const CK_OBJECT_HANDLE kek = FreshKek(on);
  CK_ULONG size = 4096;
  into.key.resize(size);
  Require(p11->C_WrapKey(on, &wrap, kek, what, into.key.data(), &size), "C_WrapKey");
  into.key.resize(size);
  size = 256;
  into.kek.resize(size);
  Require(p11->C_WrapKey(on, &wrap, site_kek, kek, into.kek.data(), &size), "C_WrapKey");
  into.kek.resize(size);
  std::vector<CK_BYTE> bound = into.Bound();
  CK_MECHANISM hmac{CKM_SHA256_HMAC, nullptr, 0};
  size = kMacBytes;
  Require(p11->C_SignInit(on, &hmac, binding), "C_SignInit");
  Require(p11->C_Sign(on, bound.data(), bound.size(), into.mac.data(), &size), "C_Sign");
  Require(p11->C_DestroyObject(on, kek), "C_DestroyObject");
}

void Floor::State::Activate(CK_SESSION_HANDLE on, Blob& blob, unsigned signatures) const {
  std::vector<CK_BYTE> bound = blob.Bound();
  CK_MECHANISM hmac{CKM_SHA256_HMAC, nullptr, 0};
  Require(p11->C_VerifyInit(on, &hmac, binding), "C_VerifyInit");
  Require(p11->C_Verify(on, bound.data(), bound.size(), blob.mac.data(), blob.mac.size()),
          "C_Verify");

  CK_MECHANISM unwrap{CKM_AES_KEY_WRAP_PAD, nullptr, 0};
  CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
  CK_KEY_TYPE aes = CKK_AES;
  std::array kek_template = {Attribute(CKA_CLASS, secret),    Attribute(CKA_KEY_TYPE, aes),
                             Attribute(CKA_TOKEN, kFalse),    Attribute(CKA_PRIVATE, kTrue),
                             Attribute(CKA_SENSITIVE, kTrue), Attribute(CKA_EXTRACTABLE, kFalse),
                             Attribute(CKA_UNWRAP, kTrue)};
  CK_OBJECT_HANDLE kek = 0;
  Require(p11->C_UnwrapKey(on, &unwrap, site_kek, blob.kek.data(), blob.kek.size(),
                           kek_template.data(), kek_template.size(), &kek),
          "C_UnwrapKey");

  CK_OBJECT_CLASS private_class = CKO_PRIVATE_KEY;
  CK_KEY_TYPE type = rsa ? CKK_RSA : CKK_EC;
  std::array key_template = {Attribute(CKA_CLASS, private_class), Attribute(CKA_KEY_TYPE, type),
                             Attribute(CKA_TOKEN, kFalse),        Attribute(CKA_PRIVATE, kTrue),
                             Attribute(CKA_SENSITIVE, kTrue),     Attribute(CKA_EXTRACTABLE, kTrue),
                             Attribute(CKA_SIGN, kTrue)};
  CK_OBJECT_HANDLE unwrapped = 0;
  Require(p11->C_UnwrapKey(on, &unwrap, kek, blob.key.data(), blob.key.size(), key_template.data(),
                           key_template.size(), &unwrapped),
          "C_UnwrapKey");
  for (unsigned i = 0; i < signatures; ++i) Sign(on, unwrapped);
  Wrap(on, unwrapped, blob);
  Require(p11->C_DestroyObject(on, unwrapped), "C_DestroyObject");
  Require(p11->C_DestroyObject(on, kek), "C_DestroyObject");
}

Floor::Floor(const TokenAccess& token, v1::Algorithm algorithm)
    : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.rsa = algorithm == v1::RSA_2048;
  void* const library = dlopen(token.module.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) Fail(dlerror());
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  Require(get_list(&s.p11), "C_GetFunctionList");
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  const CK_RV initialized = s.p11->C_Initialize(&arguments);
  if (initialized != CKR_CRYPTOKI_ALREADY_INITIALIZED) Require(initialized, "C_Initialize");

  std::array<CK_SLOT_ID, 16> slots{};
  CK_ULONG count = slots.size();
  Require(s.p11->C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList");
  bool found = false;
  for (CK_ULONG i = 0; i < count && !found; ++i) {
    CK_TOKEN_INFO info{};
    Require(s.p11->C_GetTokenInfo(slots[i], &info), "C_GetTokenInfo");
    std::string label(reinterpret_cast<char*>(info.label), sizeof info.label);
    label.erase(label.find_last_not_of(' ') + 1);
    if (label != token.label) continue;
    s.slot = slots[i];
    found = true;
  }
  Require(found ? CKR_OK : CKR_TOKEN_NOT_PRESENT, "finding the token");
  s.session = s.Open();
  std::string pin = token.pin;
  const CK_RV login =
      s.p11->C_Login(s.session, CKU_USER, reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size());
  if (login != CKR_USER_ALREADY_LOGGED_IN) Require(login, "C_Login");
  s.site_kek = s.FindSecret("twinseal-site-kek");
  s.binding = s.FindSecret("twinseal-binding");
  s.MakeKey();
}

Floor::~Floor() { state_->p11->C_CloseSession(state_->session); }

Sample Floor::Activations(unsigned sessions, unsigned signatures, Milliseconds duration) {
  const State& s = *state_;
  return RunFor(sessions, duration, [&](unsigned) -> std::function<unsigned()> {
    const CK_SESSION_HANDLE session = s.Open();
    auto blob = std::make_shared<Blob>();
    s.Wrap(session, s.key, *blob);
    return [&s, session, blob, signatures] {
      s.Activate(session, *blob, signatures);
      return signatures;
    };
  });
}

std::string Floor::Bind(std::string bytes) const {
  const State& s = *state_;
  std::string mac(kMacBytes, '\0');
  CK_MECHANISM hmac{CKM_SHA256_HMAC, nullptr, 0};
  CK_ULONG size = mac.size();
  Require(s.p11->C_SignInit(s.session, &hmac, s.binding), "C_SignInit");
  Require(s.p11->C_Sign(s.session, reinterpret_cast<CK_BYTE*>(bytes.data()), bytes.size(),
                        reinterpret_cast<CK_BYTE*>(mac.data()), &size),
          "C_Sign");
  return mac;
}

Sample Floor::Warm(unsigned sessions, Milliseconds duration) {
  const State& s = *state_;
  return RunFor(sessions, duration, [&](unsigned) -> std::function<unsigned()> {
    const CK_SESSION_HANDLE session = s.Open();
    return [&s, session] {
      s.Sign(session, s.key);
      return 1U;
    };
  });
}

}  // namespace twinseal::bench
