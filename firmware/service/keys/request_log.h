// Mutations that were done already: the same request_id gives the same answer, and never acts
// twice.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/types.h"
#include "common/ledger/ledger.h"
#include "firmware/service/core_link/core.h"

namespace google::protobuf {
class Message;
}

namespace twinseal::service {

// A change as it was asked for.
struct Mutation {
  std::string operation;  // "KeyService/CreateKey"
  RequestId request;
  Bytes request_hash;  // As HashRequest gives it.
  std::string caller;  // "operator/alice"
  Deadline deadline;
};

// SHA-256 over the operation's name and the request's deterministic serialization, which JSON and
// binary bodies share.
Bytes HashRequest(std::string_view operation, const google::protobuf::Message& request);

struct GivenAnswer {
  Bytes answer;
  ledger::Revision revision;  // Of the commit that it was the answer to.
};

// The answer given before, or nothing. already_exists when the id belongs to another request:
// another operation, other arguments or another caller. Blocks on the ledger.
Result<std::optional<GivenAnswer>> FindAnswer(ledger::Ledger& ledger, const Mutation& mutation);
// The same from what was read of RequestPath.
Result<std::optional<GivenAnswer>> ReadAnswer(const std::optional<ledger::Entry>& entry,
                                              const Mutation& mutation);

// Adds to a transaction that this answer is being given, and that the id must be new.
void RecordAnswer(ledger::Transaction& transaction, const Mutation& mutation, BytesView answer,
                  std::int64_t unix_ms);

}  // namespace twinseal::service
