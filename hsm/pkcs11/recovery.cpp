#include "hsm/pkcs11/recovery.h"

#include <algorithm>

#include <openssl/rand.h>

namespace twinseal::hsm {
namespace {

// Doubling stops well before the shift could overflow; max_delay is reached long before.
constexpr unsigned kMaxDoublings = 20;

double RandomFraction() {
  std::uint32_t number = 0;
  if (RAND_bytes(reinterpret_cast<unsigned char*>(&number), sizeof number) != 1) return 0.5;
  return static_cast<double>(number) / 4294967296.0;
}

}  // namespace

void Recovery::SessionFault(Loss loss, std::uint64_t incarnation, std::uint64_t newest) {
  if (incarnation <= counted_up_to_) {
    if (loss == Loss::kModule) module_lost_ = true;
    return;
  }
  counted_up_to_ = newest;
  Count(loss);
}

void Recovery::AttemptFailed(Loss loss) { Count(loss); }

void Recovery::Count(Loss loss) {
  const Clock::time_point now = policy_.now();
  if (faults_ > 0 && now - last_fault_ > policy_.quiet_period) faults_ = 0;
  last_fault_ = now;
  ++faults_;
  if (loss == Loss::kModule ||
      (loss != Loss::kNothing && faults_ >= policy_.faults_before_module)) {
    module_lost_ = true;
  }
  if (faults_ == 1) {
    next_attempt_ = now;
    return;
  }
  const auto doubled =
      policy_.first_delay * (std::int64_t{1} << std::min(faults_ - 2, kMaxDoublings));
  const auto delay = std::min(std::chrono::milliseconds(doubled), policy_.max_delay);
  const double spread = 0.75 + 0.5 * (policy_.jitter ? policy_.jitter() : RandomFraction());
  next_attempt_ = now + std::chrono::duration_cast<Clock::duration>(delay * spread);
}

}  // namespace twinseal::hsm
