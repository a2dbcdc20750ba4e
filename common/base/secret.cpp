#include "common/base/secret.h"

#include <algorithm>
#include <new>
#include <utility>

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <unistd.h>

namespace twinseal {
namespace {

std::size_t RoundUpToPage(std::size_t size) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return (size + page - 1) / page * page;
}

}  // namespace

void Scrub(std::span<std::uint8_t> bytes) {
  if (!bytes.empty()) OPENSSL_cleanse(bytes.data(), bytes.size());
}

Secret::Secret(std::size_t size) : size_(size) {
  if (size == 0) return;
  mapped_ = RoundUpToPage(size);
  void* const pages =
      mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  // Where the limit is too small the pages stay unlocked: the secret still works and is still
  // scrubbed.
  (void)mlock(pages, mapped_);
  (void)madvise(pages, mapped_, MADV_DONTDUMP);
  (void)madvise(pages, mapped_, MADV_WIPEONFORK);
  data_ = static_cast<std::uint8_t*>(pages);
}

Secret::Secret(BytesView bytes) : Secret(bytes.size()) { std::ranges::copy(bytes, data_); }

Secret::~Secret() { Release(); }

Secret::Secret(Secret&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    Release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    mapped_ = std::exchange(other.mapped_, 0);
  }
  return *this;
}

void Secret::Truncate(std::size_t size) {
  if (size >= size_) return;
  Scrub({data_ + size, size_ - size});
  size_ = size;
}

void Secret::Release() noexcept {
  if (data_ == nullptr) return;
  Scrub({data_, mapped_});
  munmap(data_, mapped_);
  data_ = nullptr;
}

bool operator==(const Secret& a, const Secret& b) {
  if (a.size_ != b.size_) return false;
  return a.size_ == 0 || CRYPTO_memcmp(a.data_, b.data_, a.size_) == 0;
}

}  // namespace twinseal
