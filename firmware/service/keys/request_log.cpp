#include "firmware/service/keys/request_log.h"

#include <fmt/format.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message.h>

#include "common/crypto/digest.h"
#include "firmware/service/keys/layout.h"
#include "twinseal/v1/store.pb.h"

namespace twinseal::service {

Bytes HashRequest(std::string_view operation, const google::protobuf::Message& request) {
  std::string bytes(operation);
  bytes.push_back('\0');
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream out(&stream);
    out.SetSerializationDeterministic(true);
    request.SerializeToCodedStream(&out);
  }
  const crypto::Sha256Digest digest = crypto::Sha256(AsBytes(bytes));
  return Bytes(digest.begin(), digest.end());
}

Result<std::optional<GivenAnswer>> FindAnswer(ledger::Ledger& ledger, const Mutation& mutation) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::optional<ledger::Entry> entry,
                            ledger.Get(RequestPath(mutation.request)));
  return ReadAnswer(entry, mutation);
}

Result<std::optional<GivenAnswer>> ReadAnswer(const std::optional<ledger::Entry>& entry,
                                              const Mutation& mutation) {
  if (!entry) return std::optional<GivenAnswer>();
  v1::RequestRecord record;
  if (!record.ParseFromArray(entry->value.data(), static_cast<int>(entry->value.size()))) {
    return Error(
        Code::kDataLoss,
        fmt::format("the ledger's record of request_id {} is damaged; use a new request_id",
                    mutation.request.text()));
  }
  const bool same = record.operation() == mutation.operation &&
                    record.caller() == mutation.caller &&
                    record.request_hash() == AsText(mutation.request_hash);
  if (!same) {
    return Error(Code::kAlreadyExists,
                 fmt::format("request_id {} was used for another request; use a new one",
                             mutation.request.text()));
  }
  return std::optional(GivenAnswer{ToBytes(record.response()), entry->modified});
}

void RecordAnswer(ledger::Transaction& transaction, const Mutation& mutation, BytesView answer,
                  std::int64_t unix_ms) {
  v1::RequestRecord record;
  record.set_operation(mutation.operation);
  record.set_request_hash(ToString(mutation.request_hash));
  record.set_caller(mutation.caller);
  record.set_response(ToString(answer));
  record.set_time_unix_ms(unix_ms);
  const std::string path = RequestPath(mutation.request);
  transaction.guards.push_back(ledger::Absent{path});
  transaction.writes.push_back(ledger::Put{path, ToBytes(record.SerializeAsString())});
}

}  // namespace twinseal::service
