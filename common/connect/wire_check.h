// Whether bytes are a message in protobuf's wire format
// (https://protobuf.dev/programming-guides/encoding/) that has only fields of the contract.
// protobuf's own parser keeps unknown fields and does not say what is wrong.
#pragma once

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace google::protobuf {
class Descriptor;
}

namespace twinseal::connect {

// invalid_argument that names the field ("policy.applications") for a field that the message does
// not have or that has another wire type, for text that is not UTF-8, for a length beyond the end,
// and for nesting deeper than `max_depth`.
Status CheckWire(BytesView bytes, const google::protobuf::Descriptor& message, int max_depth);

}  // namespace twinseal::connect
