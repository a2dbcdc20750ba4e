// Digests, of bytes at hand and of streams.
#pragma once

#include <array>
#include <memory>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"

typedef struct evp_md_ctx_st EVP_MD_CTX;

namespace twinseal::crypto {

using Sha256Digest = std::array<std::uint8_t, 32>;

Sha256Digest Sha256(BytesView bytes);

// A digest made piece by piece, in constant memory. One thread at a time.
class Hasher {
 public:
  // `hash` is OpenSSL's name ("SHA384"); unimplemented when this OpenSSL does not have it.
  static Result<Hasher> Create(std::string_view hash);

  // Of the digest, in bytes.
  std::size_t size() const;
  void Update(BytesView bytes);
  // Ends the digest; the hasher is of no use afterwards.
  Bytes Finish();

 private:
  explicit Hasher(std::shared_ptr<EVP_MD_CTX> context) : context_(std::move(context)) {}
  std::shared_ptr<EVP_MD_CTX> context_;
};

}  // namespace twinseal::crypto
