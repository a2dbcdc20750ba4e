// Makes the calls that an input describes, and knows what the standard says to each.
#pragma once

#include <optional>
#include <vector>

#include "tests/fuzz/pkcs11_calls/bench.h"

namespace twinseal::fuzz {

class Player {
 public:
  Player(Bench& bench, BytesView input) : bench_(bench), module_(bench.module()), input_(input) {}
  ~Player() { module_.C_Finalize(nullptr); }
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  void Play();

 private:
  enum class Kind { kNone, kSearch, kDigest, kSign, kVerify };
  struct Session {
    CK_SESSION_HANDLE handle;
    Kind kind = Kind::kNone;
    bool in_parts = false;
    std::size_t way = 0;
    Bytes data;  // So far.
  };
  struct Signed {
    std::size_t way;
    Bytes data;
    Bytes signature;
  };

  std::uint8_t Next();
  // Up to 200 bytes.
  Bytes NextData();
  // Null for a handle that is none.
  Session* NextSession();
  static CK_SESSION_HANDLE HandleOf(const Session* session);
  // What each call in a session answers first; nothing when it goes on.
  std::optional<CK_RV> Gate(const Session* session) const;
  static void Begin(Session& session, Kind kind, std::size_t way = 0);

  void Initialize();
  void Finalize();
  void OpenSession();
  void CloseSession();
  void CloseAllSessions();
  void LogIn();
  void LogOut();
  void LookForKey();
  void SearchInit();
  void Search();
  void SearchFinal();
  void DigestInit();
  void Update();
  void Digest();
  void SignOrVerifyInit();
  void Sign();
  void Verify();
  void Cancel();
  void Attributes();
  void Random();
  void Information();
  void LookForCertificate();
  void WriteCertificate();

  void CheckSignature(const Session& done, const Bytes& signature);

  Bench& bench_;
  CK_FUNCTION_LIST_3_0& module_;
  BytesView input_;

  bool initialized_ = false;
  bool logged_in_ = false;
  std::vector<Session> sessions_;
  std::array<CK_OBJECT_HANDLE, kKeys.size()> private_{};
  std::array<CK_OBJECT_HANDLE, kKeys.size()> public_{};
  CK_OBJECT_HANDLE certificate_ = CK_INVALID_HANDLE;
  std::optional<Signed> last_;
};

}  // namespace twinseal::fuzz
