// Vault records and replica blobs, as a damaged disk or a hostile ledger would give them. The
// oracle: a record that decodes encodes to the very same bytes, so that no two spellings of one
// record exist; and its parts are where BoundPart and BindingPart say.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include <google/protobuf/stubs/logging.h>

#include "firmware/core/vault/blob.h"

extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  // It tells each name that is no UTF-8.
  google::protobuf::SetLogHandler(nullptr);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace twinseal;
  const BytesView input(data, size);
  const auto blob = core::DecodeBlob(input);
  if (!blob.ok()) {
    if (blob.error().code() != Code::kDataLoss) std::abort();
    return 0;
  }
  if (!std::ranges::equal(core::EncodeBlob(*blob), input)) std::abort();
  if (!std::ranges::equal(core::EncodeBound(*blob), core::BoundPart(input))) std::abort();
  if (!std::ranges::equal(blob->binding, core::BindingPart(input))) std::abort();
  return 0;
}
