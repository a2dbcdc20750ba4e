// What an audit checkpoint's signature covers. Written by the appliance, checked by whoever
// verifies the log; both use this text and nothing else (docs/audit.md shows how to check one with
// openssl alone).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/merkle/merkle.h"
#include "twinseal/v1/audit.pb.h"

namespace twinseal::audit {

// A tree head before it is signed.
struct TreeHead {
  std::string site;
  std::uint64_t size = 0;
  merkle::Hash root{};
  std::int64_t time_unix_us = 0;
};

// The text that is signed, in the form of a C2SP tlog-checkpoint's note body; each line ends with a
// line feed:
//   twinseal/audit/<site>
//   <size, decimal>
//   <root hash, base64>
//   time <microseconds since 1970, decimal>
std::string CheckpointText(const TreeHead& head);

// The head that a checkpoint states. invalid_argument when the root does not have 32 bytes or the
// site is no name.
Result<TreeHead> HeadOf(const v1::AuditCheckpoint& checkpoint);

// Whether the bytes are the audit key's signature over the text: ECDSA with SHA-256, DER.
using SignatureCheck = std::function<Status(std::string_view text, BytesView signature)>;

// Checks with this public key (SubjectPublicKeyInfo in PEM). invalid_argument when it cannot be
// read.
Result<SignatureCheck> CheckWithPublicKey(std::string_view public_key_pem);

// That the checkpoint is of `site` and its signature holds. data_loss, with what is wrong, when
// not.
Status VerifyCheckpoint(const v1::AuditCheckpoint& checkpoint, const SiteName& site,
                        const SignatureCheck& check);

}  // namespace twinseal::audit
