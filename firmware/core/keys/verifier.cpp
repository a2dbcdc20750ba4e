#include "firmware/core/keys/verifier.h"

#include <exception>

#include "firmware/core/keys/public_key_cache.h"
#include "hsm/openssl/thread_crypto_context.h"

namespace twinseal::core {

Verifier::~Verifier() {
  if (!thread_.joinable()) return;
  {
    const MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

Verifier::Verification::~Verification() { (void)verifier_.Wait(); }

Status Verifier::Verification::Wait() { return verifier_.Wait(); }

Verifier::Verification Verifier::Begin(const KeyHeader& header, std::span<const SignTask> tasks,
                                       std::span<const Bytes> signatures) {
  if (!thread_.joinable()) thread_ = std::thread([this] { Work(); });
  {
    const MutexLock lock(mutex_);
    order_ = Order{&header, tasks, signatures};
    changed_.NotifyAll();
  }
  return Verification(*this);
}

Status Verifier::Wait() {
  const MutexLock lock(mutex_);
  while (order_) changed_.Wait(mutex_);
  return verdict_;
}

void Verifier::Work() {
  const hsm::ThreadCryptoContext crypto;
  PublicKeyCache keys;  // Of this thread's context.
  const auto verify = [&keys](const Order& order) -> Status {
    const KeyHeader& header = *order.header;
    TWINSEAL_ASSIGN_OR_RETURN(
        const PublicKeyCache::Entry* const key,
        keys.Get(header.id, header.version, header.algorithm, header.public_key));
    return VerifySignatures(key->key, order.tasks, order.signatures);
  };
  while (true) {
    Order order;
    {
      const MutexLock lock(mutex_);
      while (!order_ && !ending_) changed_.Wait(mutex_);
      if (!order_) return;
      order = *order_;
    }
    Status verdict;
    try {
      verdict = verify(order);
    } catch (const std::exception& exception) {
      verdict = Error(Code::kInternal, "a signature could not be verified", exception.what());
    }
    const MutexLock lock(mutex_);
    verdict_ = std::move(verdict);
    order_.reset();
    changed_.NotifyAll();
  }
}

}  // namespace twinseal::core
