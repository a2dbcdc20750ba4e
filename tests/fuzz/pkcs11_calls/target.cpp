// The PKCS#11 module's function table by any sequence of calls, with appliances in the process.
//
// Each byte chooses a call, those after it what it is given. Oracles: every call answers what the
// standard says for the state that the calls before it led to; a signature that comes out is
// OpenSSL's as well, and the module verifies it and none with a bit turned; digests are OpenSSL's;
// nothing is written beyond a buffer (asan).
#include <algorithm>
#include <array>
#include <memory>

#include "common/crypto/digest.h"
#include "tests/fuzz/pkcs11_calls/player.h"

namespace twinseal::fuzz {
namespace {

// The most that the mechanism takes which signs a digest as it comes.
constexpr std::size_t kLongestDigest = 128;
constexpr std::size_t kMostSessions = 4;

CK_RSA_PKCS_PSS_PARAMS PssParameters() {
  constexpr CK_RSA_PKCS_MGF_TYPE kMgf1Sha256 = 2;
  return {CKM_SHA256, kMgf1Sha256, 32};
}

// Of exactly that size, so that asan sees what is written beyond; null for none.
std::unique_ptr<CK_BYTE[]> Buffer(CK_ULONG size) { return std::make_unique<CK_BYTE[]>(size); }

bool TooLong(std::size_t way, std::size_t size) {
  return kWays.at(way).mechanism == CKM_ECDSA && size > kLongestDigest;
}

}  // namespace

std::uint8_t Player::Next() {
  if (input_.empty()) return 0;
  const std::uint8_t byte = input_.front();
  input_ = input_.subspan(1);
  return byte;
}

Bytes Player::NextData() {
  constexpr std::uint8_t kMost = 201;
  const std::uint8_t size = Next() % kMost;
  return Bytes(size, Next());
}

Player::Session* Player::NextSession() {
  const std::size_t number = Next() % (kMostSessions + 1);
  return number < sessions_.size() ? &sessions_[number] : nullptr;
}

CK_SESSION_HANDLE Player::HandleOf(const Session* session) {
  constexpr CK_SESSION_HANDLE kNobody = 1'000'000;
  return session == nullptr ? kNobody : session->handle;
}

std::optional<CK_RV> Player::Gate(const Session* session) const {
  if (!initialized_) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (session == nullptr) return CKR_SESSION_HANDLE_INVALID;
  return std::nullopt;
}

void Player::Begin(Session& session, Kind kind, std::size_t way) {
  session = {session.handle, kind, false, way, {}};
}

void Player::Initialize() {
  const CK_RV rv = module_.C_Initialize(nullptr);
  Require(rv == (initialized_ ? CKR_CRYPTOKI_ALREADY_INITIALIZED : CKR_OK));
  initialized_ = true;
}

void Player::Finalize() {
  const CK_RV rv = module_.C_Finalize(nullptr);
  Require(rv == (initialized_ ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED));
  initialized_ = false;
  logged_in_ = false;
  sessions_.clear();
  private_ = {};
  public_ = {};
  certificate_ = CK_INVALID_HANDLE;
}

void Player::OpenSession() {
  if (sessions_.size() == kMostSessions) return;
  CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
  const CK_RV rv =
      module_.C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &handle);
  Require(rv == (initialized_ ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED));
  if (rv != CKR_OK) return;
  Require(std::ranges::find(sessions_, handle, &Session::handle) == sessions_.end());
  sessions_.push_back({handle, Kind::kNone, false, 0, {}});
}

void Player::CloseSession() {
  const Session* const session = NextSession();
  const CK_RV rv = module_.C_CloseSession(HandleOf(session));
  Require(rv == Gate(session).value_or(CKR_OK));
  if (rv != CKR_OK) return;
  sessions_.erase(sessions_.begin() + (session - sessions_.data()));
  if (sessions_.empty()) logged_in_ = false;
}

void Player::CloseAllSessions() {
  const CK_RV rv = module_.C_CloseAllSessions(0);
  Require(rv == (initialized_ ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED));
  sessions_.clear();
  logged_in_ = false;
}

void Player::LogIn() {
  const Session* const session = NextSession();
  const bool right = Next() % 4 != 0;
  std::string pin = right ? test::kPin : "4321";
  const CK_RV rv = module_.C_Login(HandleOf(session), CKU_USER,
                                   reinterpret_cast<CK_UTF8CHAR*>(pin.data()), pin.size());
  const CK_RV by_pin = right ? CKR_OK : CKR_PIN_INCORRECT;
  Require(rv == Gate(session).value_or(logged_in_ ? CKR_USER_ALREADY_LOGGED_IN : by_pin));
  if (rv == CKR_OK) logged_in_ = true;
}

void Player::LogOut() {
  const Session* const session = NextSession();
  const CK_RV rv = module_.C_Logout(HandleOf(session));
  Require(rv == Gate(session).value_or(logged_in_ ? CKR_OK : CKR_USER_NOT_LOGGED_IN));
  if (rv == CKR_OK) logged_in_ = false;
}

// A search from its begin to its end.
void Player::LookForKey() {
  const Session* const session = NextSession();
  const std::size_t key = Next() % kKeys.size();
  const test::Application application(bench_.functions_of_2_40());
  const auto find = [&](CK_OBJECT_CLASS kind) {
    return application.FindKey(HandleOf(session), kind, kKeys.at(key).name);
  };
  const bool found = !Gate(session) && session->kind == Kind::kNone && logged_in_;
  for (const auto& [kind, handles] :
       {std::pair(CKO_PRIVATE_KEY, &private_), std::pair(CKO_PUBLIC_KEY, &public_)}) {
    const CK_OBJECT_HANDLE handle = find(kind);
    Require((handle != CK_INVALID_HANDLE) == found);
    if (!found) continue;
    Require(handles->at(key) == CK_INVALID_HANDLE || handles->at(key) == handle);
    handles->at(key) = handle;
  }
}

void Player::SearchInit() {
  Session* const session = NextSession();
  const CK_RV rv = module_.C_FindObjectsInit(HandleOf(session), nullptr, 0);
  const bool busy = session != nullptr && session->kind != Kind::kNone;
  Require(rv == Gate(session).value_or(busy ? CKR_OPERATION_ACTIVE : CKR_OK));
  if (rv == CKR_OK) Begin(*session, Kind::kSearch);
}

void Player::Search() {
  const Session* const session = NextSession();
  std::vector<CK_OBJECT_HANDLE> found(Next() % 8);
  CK_ULONG count = 0;
  const CK_RV rv = module_.C_FindObjects(HandleOf(session), found.data(), found.size(), &count);
  const bool searches = session != nullptr && session->kind == Kind::kSearch;
  Require(rv == Gate(session).value_or(searches ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED));
  Require(count <= found.size());
}

void Player::SearchFinal() {
  Session* const session = NextSession();
  const CK_RV rv = module_.C_FindObjectsFinal(HandleOf(session));
  const bool searches = session != nullptr && session->kind == Kind::kSearch;
  Require(rv == Gate(session).value_or(searches ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED));
  if (rv == CKR_OK) Begin(*session, Kind::kNone);
}

void Player::DigestInit() {
  Session* const session = NextSession();
  CK_MECHANISM mechanism{CKM_SHA256, nullptr, 0};
  const CK_RV rv = module_.C_DigestInit(HandleOf(session), &mechanism);
  const bool busy = session != nullptr && session->kind != Kind::kNone;
  Require(rv == Gate(session).value_or(busy ? CKR_OPERATION_ACTIVE : CKR_OK));
  if (rv == CKR_OK) Begin(*session, Kind::kDigest);
}

void Player::Update() {
  Session* const session = NextSession();
  constexpr std::array kKinds = {Kind::kDigest, Kind::kSign, Kind::kVerify};
  const std::size_t kind = Next() % kKinds.size();
  const std::array calls = {module_.C_DigestUpdate, module_.C_SignUpdate, module_.C_VerifyUpdate};
  Bytes data = NextData();
  const CK_RV rv = calls.at(kind)(HandleOf(session), data.data(), data.size());
  if (const auto gate = Gate(session)) return Require(rv == *gate);
  if (session->kind != kKinds.at(kind)) return Require(rv == CKR_OPERATION_NOT_INITIALIZED);
  session->in_parts = true;
  session->data.insert(session->data.end(), data.begin(), data.end());
  const bool hashes = session->kind == Kind::kDigest;
  if (!hashes && TooLong(session->way, session->data.size())) {
    Require(rv == CKR_DATA_LEN_RANGE);
    return Begin(*session, Kind::kNone);
  }
  // What was taken of a message for Ed25519 is within its limit: an input is not that long.
  Require(rv == CKR_OK);
}

void Player::Digest() {
  constexpr CK_ULONG kSize = 32;
  Session* const session = NextSession();
  const bool at_once = Next() % 2 == 0;
  Bytes data = at_once ? NextData() : Bytes();
  CK_ULONG size = Next() % 48;
  const CK_ULONG room = size;
  const auto buffer = Buffer(size);
  const CK_RV rv =
      at_once ? module_.C_Digest(HandleOf(session), data.data(), data.size(), buffer.get(), &size)
              : module_.C_DigestFinal(HandleOf(session), buffer.get(), &size);
  if (const auto gate = Gate(session)) return Require(rv == *gate);
  if (session->kind != Kind::kDigest) return Require(rv == CKR_OPERATION_NOT_INITIALIZED);
  if (at_once && session->in_parts) return Require(rv == CKR_OPERATION_ACTIVE);
  Require(size == kSize);
  if (room < kSize) return Require(rv == CKR_BUFFER_TOO_SMALL);
  Require(rv == CKR_OK);
  auto hasher = crypto::Hasher::Create("SHA256").value();
  hasher.Update(session->data);
  hasher.Update(data);
  Require(std::ranges::equal(hasher.Finish(), BytesView(buffer.get(), kSize)));
  Begin(*session, Kind::kNone);
}

void Player::SignOrVerifyInit() {
  Session* const session = NextSession();
  const bool signs = Next() % 2 == 0;
  const std::size_t way = Next() % kWays.size();
  const std::size_t key = Next() % 8 == 0 ? Next() % kKeys.size() : kWays.at(way).key;
  CK_RSA_PKCS_PSS_PARAMS pss = PssParameters();
  CK_MECHANISM mechanism{kWays.at(way).mechanism, nullptr, 0};
  if (kWays.at(way).padding == test::RsaPadding::kPss)
    mechanism = {mechanism.mechanism, &pss, sizeof pss};
  const CK_OBJECT_HANDLE handle = signs ? private_.at(key) : public_.at(key);
  const CK_RV rv = signs ? module_.C_SignInit(HandleOf(session), &mechanism, handle)
                         : module_.C_VerifyInit(HandleOf(session), &mechanism, handle);
  if (const auto gate = Gate(session)) return Require(rv == *gate);
  if (session->kind != Kind::kNone) return Require(rv == CKR_OPERATION_ACTIVE);
  if (signs && !logged_in_) return Require(rv == CKR_USER_NOT_LOGGED_IN);
  if (handle == CK_INVALID_HANDLE) return Require(rv == CKR_KEY_HANDLE_INVALID);
  if (key != kWays.at(way).key) return Require(rv == CKR_KEY_TYPE_INCONSISTENT);
  Require(rv == CKR_OK);
  Begin(*session, signs ? Kind::kSign : Kind::kVerify, way);
}

void Player::Sign() {
  Session* const session = NextSession();
  const bool at_once = Next() % 2 == 0;
  Bytes data = at_once ? NextData() : Bytes();
  // None, too little, enough.
  constexpr std::array<CK_ULONG, 4> kRooms = {0, 63, 256, 300};
  const CK_ULONG room = kRooms.at(Next() % kRooms.size());
  const auto buffer = room == 0 ? nullptr : Buffer(room);
  CK_ULONG size = room;
  const CK_RV rv =
      at_once ? module_.C_Sign(HandleOf(session), data.data(), data.size(), buffer.get(), &size)
              : module_.C_SignFinal(HandleOf(session), buffer.get(), &size);
  if (const auto gate = Gate(session)) return Require(rv == *gate);
  if (session->kind != Kind::kSign) return Require(rv == CKR_OPERATION_NOT_INITIALIZED);
  if (at_once && session->in_parts) return Require(rv == CKR_OPERATION_ACTIVE);
  Require(size == kKeys.at(kWays.at(session->way).key).signature_size);
  if (buffer == nullptr) return Require(rv == CKR_OK);
  if (room < size) return Require(rv == CKR_BUFFER_TOO_SMALL);
  Session done = *session;
  done.data.insert(done.data.end(), data.begin(), data.end());
  Begin(*session, Kind::kNone);
  const bool is_digest = kWays.at(done.way).mechanism == CKM_ECDSA;
  if (TooLong(done.way, done.data.size()) || (is_digest && done.data.empty()))
    return Require(rv == CKR_DATA_LEN_RANGE);
  if (!logged_in_) return Require(rv == CKR_USER_NOT_LOGGED_IN);
  Require(rv == CKR_OK);
  CheckSignature(done, Bytes(buffer.get(), buffer.get() + size));
}

void Player::CheckSignature(const Session& done, const Bytes& signature) {
  Require(bench_.Verifies(kWays.at(done.way), done.data, signature));
  last_ = Signed{done.way, done.data, signature};
}

// The last signature that was made, as it is or with a bit turned.
void Player::Verify() {
  Session* const session = NextSession();
  const bool at_once = Next() % 2 == 0;
  Bytes data = at_once && last_ ? last_->data : Bytes();
  Bytes signature = last_ ? last_->signature : Bytes(64, 1);
  const bool turned = Next() % 4 == 0;
  if (turned) signature[Next() % signature.size()] ^= 1U;
  const CK_RV rv =
      at_once ? module_.C_Verify(HandleOf(session), data.data(), data.size(), signature.data(),
                                 signature.size())
              : module_.C_VerifyFinal(HandleOf(session), signature.data(), signature.size());
  if (const auto gate = Gate(session)) return Require(rv == *gate);
  if (session->kind != Kind::kVerify) return Require(rv == CKR_OPERATION_NOT_INITIALIZED);
  if (at_once && session->in_parts) return Require(rv == CKR_OPERATION_ACTIVE);
  Session done = *session;
  done.data.insert(done.data.end(), data.begin(), data.end());
  Begin(*session, Kind::kNone);
  const bool same_way = last_ && last_->way == done.way;
  if (same_way && last_->data == done.data && !turned) return Require(rv == CKR_OK);
  // Digests of other lengths may be the same number.
  const bool is_digest = kWays.at(done.way).mechanism == CKM_ECDSA;
  if (turned || !same_way || !is_digest) Require(rv != CKR_OK);
}

void Player::Cancel() {
  constexpr std::array<CK_FLAGS, 5> kFlags = {0, 1UL << 6U, CKF_DIGEST, CKF_SIGN, CKF_VERIFY};
  Session* const session = NextSession();
  const std::uint8_t which = Next();
  CK_FLAGS kinds = 0;
  for (std::size_t i = 0; i < kFlags.size(); ++i) {
    if ((which >> i & 1U) != 0) kinds |= kFlags.at(i);
  }
  const CK_RV rv = module_.C_SessionCancel(HandleOf(session), kinds);
  Require(rv == Gate(session).value_or(CKR_OK));
  if (rv != CKR_OK) return;
  if ((kinds & kFlags.at(static_cast<std::size_t>(session->kind))) != 0)
    Begin(*session, Kind::kNone);
}

void Player::Attributes() {
  constexpr std::array<CK_ATTRIBUTE_TYPE, 8> kTypes = {
      CKA_CLASS, CKA_ID, CKA_LABEL, CKA_VALUE, CKA_EC_POINT, CKA_MODULUS, CKA_SIGN, CKA_SUBJECT};
  const Session* const session = NextSession();
  const std::size_t key = Next() % kKeys.size();
  const std::uint8_t kind = Next() % 3;
  const bool is_private = kind == 0;
  std::vector<std::unique_ptr<CK_BYTE[]>> buffers(Next() % 5);
  std::vector<CK_ATTRIBUTE> wanted;
  for (auto& buffer : buffers) {
    const CK_ULONG room = Next();
    if (room > 0) buffer = Buffer(room);
    wanted.push_back({kTypes.at(Next() % kTypes.size()), buffer.get(), room});
  }
  const CK_OBJECT_HANDLE of_key = is_private ? private_.at(key) : public_.at(key);
  const CK_OBJECT_HANDLE handle = kind == 2 ? certificate_ : of_key;
  CK_ATTRIBUTE none{};
  const CK_RV rv = module_.C_GetAttributeValue(
      HandleOf(session), handle, wanted.empty() ? &none : wanted.data(), wanted.size());
  if (const auto gate = Gate(session)) return Require(rv == *gate);
  if (handle == CK_INVALID_HANDLE || (is_private && !logged_in_))
    return Require(rv == CKR_OBJECT_HANDLE_INVALID);
  const bool all = std::ranges::none_of(
      wanted, [](const CK_ATTRIBUTE& one) { return one.ulValueLen == CK_UNAVAILABLE_INFORMATION; });
  Require(all == (rv == CKR_OK));
  Require(rv == CKR_OK || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_TYPE_INVALID ||
          rv == CKR_BUFFER_TOO_SMALL);
}

void Player::Random() {
  const Session* const session = NextSession();
  const CK_ULONG size = Next();
  const auto buffer = Buffer(size);
  const CK_RV rv = module_.C_GenerateRandom(HandleOf(session), buffer.get(), size);
  Require(rv == Gate(session).value_or(logged_in_ ? CKR_OK : CKR_USER_NOT_LOGGED_IN));
}

void Player::Information() {
  const Session* const session = NextSession();
  CK_SESSION_INFO info{};
  const CK_RV rv = module_.C_GetSessionInfo(HandleOf(session), &info);
  Require(rv == Gate(session).value_or(CKR_OK));
  if (rv == CKR_OK)
    Require(info.state == (logged_in_ ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION));
  CK_TOKEN_INFO token{};
  if (module_.C_GetTokenInfo(0, &token) == CKR_OK)
    Require(token.ulSessionCount == sessions_.size());
}

void Player::LookForCertificate() {
  const Session* const session = NextSession();
  const test::Application application(bench_.functions_of_2_40());
  const CK_OBJECT_HANDLE handle =
      application.FindKey(HandleOf(session), CKO_CERTIFICATE, kKeys.front().name);
  const bool found = !Gate(session) && session->kind == Kind::kNone && logged_in_;
  Require((handle != CK_INVALID_HANDLE) == found);
  if (!found) return;
  Require(certificate_ == CK_INVALID_HANDLE || certificate_ == handle);
  certificate_ = handle;
  Require(application.Attribute(session->handle, handle, CKA_VALUE) == bench_.certificate());
  // It is no key.
  CK_MECHANISM mechanism{CKM_ECDSA_SHA256, nullptr, 0};
  Require(module_.C_SignInit(session->handle, &mechanism, handle) == CKR_KEY_HANDLE_INVALID);
}

// The certificate that is there, or something that is none of the key's.
void Player::WriteCertificate() {
  const Session* const session = NextSession();
  const bool is_certificate = Next() % 4 != 0;
  const std::size_t key = Next() % kKeys.size();
  const Bytes& whole = bench_.certificate();
  const std::size_t left_out = Next() % 4 == 0 ? 1 + Next() : 0;
  test::Template wanted;
  wanted.Number(CKA_CLASS, is_certificate ? CKO_CERTIFICATE : CKO_DATA)
      .Number(CKA_CERTIFICATE_TYPE, CKC_X_509)
      .Yes(CKA_TOKEN)
      .Text(CKA_LABEL, kKeys.at(key).name)
      .Data(CKA_VALUE, Bytes(whole.begin(), whole.end() - static_cast<std::ptrdiff_t>(left_out)));
  CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
  const CK_RV rv = module_.C_CreateObject(HandleOf(session), wanted.data(), wanted.size(), &made);
  if (const auto gate = Gate(session)) return Require(rv == *gate);
  if (!is_certificate) return Require(rv == CKR_FUNCTION_NOT_SUPPORTED);
  if (!logged_in_) return Require(rv == CKR_USER_NOT_LOGGED_IN);
  if (key != 0 || left_out > 0) return Require(rv == CKR_ATTRIBUTE_VALUE_INVALID);
  Require(rv == CKR_OK);
  Require(certificate_ == CK_INVALID_HANDLE || certificate_ == made);
  certificate_ = made;
}

void Player::Play() {
  constexpr std::array kCalls = {&Player::Initialize,
                                 &Player::Finalize,
                                 &Player::OpenSession,
                                 &Player::CloseSession,
                                 &Player::LogIn,
                                 &Player::LogOut,
                                 &Player::CloseAllSessions,
                                 &Player::LookForKey,
                                 &Player::SearchInit,
                                 &Player::Search,
                                 &Player::SearchFinal,
                                 &Player::DigestInit,
                                 &Player::Update,
                                 &Player::Digest,
                                 &Player::SignOrVerifyInit,
                                 &Player::Sign,
                                 &Player::Verify,
                                 &Player::Cancel,
                                 &Player::Attributes,
                                 &Player::Random,
                                 &Player::Information,
                                 &Player::LookForCertificate,
                                 &Player::WriteCertificate};
  while (!input_.empty()) (this->*kCalls.at(Next() % kCalls.size()))();
}

}  // namespace twinseal::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Longer ones take long and find no more.
  constexpr std::size_t kLongest = 512;
  if (size > kLongest) return 0;
  twinseal::fuzz::Player(twinseal::fuzz::Bench::Get(), {data, size}).Play();
  return 0;
}
