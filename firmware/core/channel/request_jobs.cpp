#include "firmware/core/channel/request_jobs.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace twinseal::core {
namespace {

Error Invalid(std::string_view field, std::string message) {
  return Error(Code::kInvalidArgument, fmt::format("{}: {}", field, message));
}

Status FillKey(std::string_view field, const std::string& bytes, Job& job) {
  const auto id = KeyId::FromBytes(AsBytes(bytes));
  if (!id.ok())
    return Invalid(field,
                   fmt::format("a key's id has {} bytes, this has {}", KeyId::kSize, bytes.size()));
  job.line.key = *id;
  return Ok();
}

Status FillSign(const v1::CoreSignRequest& sign, Job& job) {
  TWINSEAL_RETURN_IF_ERROR(FillKey("sign.key_id", sign.key_id(), job));
  if (sign.version() == 0) return Invalid("sign.version", "versions are counted from 1");
  job.line.version = KeyVersion{sign.version()};
  if (sign.digests_size() == 0 || sign.digests_size() > kMaxDigests) {
    return Invalid("sign.digests", fmt::format("1 to {} digests are signed at a time, these are {}",
                                               kMaxDigests, sign.digests_size()));
  }
  if (sign.caller().size() > kMaxCallerBytes) {
    return Invalid("sign.caller", fmt::format("it is longer than {} bytes", kMaxCallerBytes));
  }
  job.caller = sign.caller();
  job.joinable_items = static_cast<std::size_t>(sign.digests_size());
  job.patience = kSignPatience + sign.digests_size() * kSignPatiencePerDigest;
  return Ok();
}

Status CheckRandom(const v1::RandomRequest& random) {
  if (random.size() >= 1 && random.size() <= kMaxRandomBytes) return Ok();
  return Invalid("random.size", fmt::format("1 to {} bytes are given at a time, not {}",
                                            kMaxRandomBytes, random.size()));
}

Error NotWhileServing(std::string_view call) {
  return Error(Code::kFailedPrecondition,
               fmt::format("{}: this signing core was started to serve; setting a token up takes "
                           "one that was started with --initialize",
                           call));
}

Status Fill(Job& job) {
  job.patience = kKeyPatience;
  const v1::CoreRequest& request = job.request;
  switch (request.call_case()) {
    case v1::CoreRequest::kSign:
      return FillSign(request.sign(), job);
    case v1::CoreRequest::kGenerate:
      return FillKey("generate.header.key_id", request.generate().header().key_id(), job);
    case v1::CoreRequest::kErase:
      return FillKey("erase.key_id", request.erase().key_id(), job);
    case v1::CoreRequest::kSeenRevision:
      return FillKey("seen_revision.key_id", request.seen_revision().key_id(), job);
    case v1::CoreRequest::kRevise:
    case v1::CoreRequest::kInstall:
    case v1::CoreRequest::kSignAsIdentity:
    case v1::CoreRequest::kWrapDomain:
    case v1::CoreRequest::kProveDomain:
    case v1::CoreRequest::kDeriveSecret:
      return Ok();
    case v1::CoreRequest::kRandom:
      return CheckRandom(request.random());
    case v1::CoreRequest::kInitialize:
      return NotWhileServing("initialize");
    case v1::CoreRequest::kMakeTransportKey:
      return NotWhileServing("make_transport_key");
    case v1::CoreRequest::kTakeDomain:
      return NotWhileServing("take_domain");
    case v1::CoreRequest::kDropDomain:
      return NotWhileServing("drop_domain");
    case v1::CoreRequest::kStatus:
    case v1::CoreRequest::CALL_NOT_SET:
      break;
  }
  return Invalid("call", "the request asks for nothing that this signing core knows");
}

}  // namespace

Result<JobPtr> MakeJob(ReceivedRequest received, Clock::time_point now) {
  auto job = std::make_unique<Job>();
  job->request = std::move(received.request);
  job->bytes = received.bytes;
  const std::uint32_t asked = job->request.deadline_ms();
  job->deadline = now + (asked == 0 ? Clock::duration(kDefaultDeadline)
                                    : std::min<Clock::duration>(std::chrono::milliseconds(asked),
                                                                kMaxDeadline));
  TWINSEAL_RETURN_IF_ERROR(Fill(*job));
  return job;
}

}  // namespace twinseal::core
