// Stands between a caller and a PKCS#11 module, and does what the script says.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "hsm/pkcs11/cryptoki.h"
#include "tests/support/interposer/script.h"

namespace twinseal::interposer {

// What a call is to become after the rules for it were carried out.
struct Verdict {
  CK_RV rv = CKR_OK;  // Other than CKR_OK: the answer, instead of a call.
  bool corrupt = false;
};

// Thread-safe. No lock is held while it delays or hangs, nor during a call of the real module.
class Interposer {
 public:
  // Reads the environment anew: TWINSEAL_INTERPOSER_MODULE is the real module's path,
  // TWINSEAL_INTERPOSER_SCRIPT the script's; a script that does not exist has no rules. Loads the
  // real module when it is another than before.
  CK_RV Configure();

  // Null before Configure worked.
  const CK_FUNCTION_LIST* real() const { return real_.load(); }

  Verdict Before(std::string_view function);
  bool Hidden(CK_MECHANISM_TYPE mechanism);

 private:
  // The script as it is now: read again when the file's inode, size or time of change is another.
  std::shared_ptr<const Script> Current();
  void WaitWhileScripted(const std::string& line);

  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    std::int64_t size = -1;
    bool operator==(const Stamp&) const = default;
  };

  std::atomic<const CK_FUNCTION_LIST*> real_ = nullptr;
  std::mutex mutex_;
  std::condition_variable never_;  // Only timed out on: a wait that a seccomp filter lets pass.
  std::string module_path_;
  std::string script_path_;
  Stamp stamp_;
  bool readable_ = true;
  std::shared_ptr<const Script> script_ = std::make_shared<Script>();
};

}  // namespace twinseal::interposer
