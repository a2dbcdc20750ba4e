// An audit key in software, and the site that signs with it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "common/audit/checkpoint.h"
#include "common/base/bytes.h"
#include "common/base/types.h"

namespace twinseal::audit {

inline SiteName Site() { return SiteName::Parse("a").value(); }

class TestKey {
 public:
  TestKey() : key_(EVP_EC_gen("P-256"), EVP_PKEY_free) {}

  Bytes Sign(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    const BytesView input = AsBytes(text);
    std::size_t size = 0;
    EVP_DigestSign(context.get(), nullptr, &size, input.data(), input.size());
    Bytes signature(size);
    EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size());
    signature.resize(size);
    return signature;
  }

  std::string Pem() const {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_PUBKEY(out.get(), key_.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return std::string(data, static_cast<std::size_t>(size));
  }

  v1::AuditCheckpoint Checkpoint(const TreeHead& head) const {
    v1::AuditCheckpoint checkpoint;
    checkpoint.set_site(head.site);
    checkpoint.set_tree_size(head.size);
    checkpoint.set_root_hash(ToString(head.root));
    checkpoint.set_time_unix_us(head.time_unix_us);
    checkpoint.set_signature(ToString(Sign(CheckpointText(head))));
    return checkpoint;
  }

 private:
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

}  // namespace twinseal::audit
