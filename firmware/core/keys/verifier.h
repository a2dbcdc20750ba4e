// Checks signatures beside the worker that made them.
#pragma once

#include <optional>
#include <span>
#include <thread>

#include "common/base/bytes.h"
#include "common/base/mutex.h"
#include "common/base/result.h"
#include "firmware/core/keys/activation.h"

namespace twinseal::core {

// One worker's second thread: while the HSM wraps a key afresh, it verifies in software what the
// key has signed: the first signature, and every RSA one, since a faulty CRT signature would give
// the key away (Boneh, DeMillo, Lipton 1997). The thread starts with the first task.
class Verifier {
 public:
  Verifier() = default;
  ~Verifier();
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;

  // One verification under way. What it was begun with stays until it is over, which its end waits
  // for.
  class Verification {
   public:
    explicit Verification(Verifier& verifier) : verifier_(verifier) {}
    ~Verification();
    Verification(const Verification&) = delete;
    Verification& operator=(const Verification&) = delete;

    // data_loss when a signature is not right, or the header's public key is none.
    Status Wait();

   private:
    Verifier& verifier_;
  };

  // `signatures` are those of `tasks`, in their order. One at a time.
  Verification Begin(const KeyHeader& header, std::span<const SignTask> tasks,
                     std::span<const Bytes> signatures);

 private:
  struct Order {
    const KeyHeader* header;
    std::span<const SignTask> tasks;
    std::span<const Bytes> signatures;
  };

  void Work();
  Status Wait();

  Mutex mutex_;
  Condition changed_;
  std::optional<Order> order_ TWINSEAL_GUARDED_BY(mutex_);
  Status verdict_ TWINSEAL_GUARDED_BY(mutex_);
  bool ending_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace twinseal::core
