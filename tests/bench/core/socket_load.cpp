#include "tests/bench/core/socket_load.h"

#include <fstream>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include "common/base/types.h"
#include "common/crypto/algorithms.h"
#include "tests/bench/parts/fail.h"

namespace twinseal::bench {

SocketLoad::SocketLoad(const test::CoreArguments& arguments)
    : program_(arguments), socket_(program_.TakeSocket()) {}

v1::ReplicaBlob SocketLoad::MakeKey(v1::Algorithm algorithm,
                                    std::uint32_t max_signatures_per_activation) {
  v1::CoreRequest generate;
  v1::KeyHeader& header = *generate.mutable_generate()->mutable_header();
  header.set_key_id(ToString(KeyId::Random().bytes()));
  header.set_version(1);
  header.set_revision(1);
  header.set_algorithm(algorithm);
  header.set_storage(v1::VAULT);
  header.set_state(v1::ENABLED);
  header.mutable_policy()->set_max_signatures_per_activation(max_signatures_per_activation);
  v1::ReplicaBlob blob = Call(std::move(generate)).blob();
  v1::CoreRequest install;
  install.mutable_install()->set_replica_blob(blob.replica_blob());
  Call(std::move(install));
  return blob;
}

Sample SocketLoad::Sign(const v1::KeyHeader& key, unsigned in_flight, unsigned batch,
                        Milliseconds duration) {
  v1::CoreRequest request;
  v1::CoreSignRequest& sign = *request.mutable_sign();
  sign.set_key_id(key.key_id());
  sign.set_version(key.version());
  sign.set_revision(key.revision());
  sign.set_caller("operator/bench");
  const crypto::AlgorithmInfo& algorithm = *crypto::Find(key.algorithm());
  sign.set_scheme(algorithm.usual_scheme);
  const std::size_t digest_size = crypto::Find(algorithm.usual_scheme)->digest_size;
  for (unsigned i = 0; i < batch; ++i)
    sign.add_digests(std::string(digest_size, static_cast<char>(i)));

  std::unordered_map<std::uint64_t, Clock::time_point> sent;
  const auto append = [&](std::string& frames) {
    request.set_number(next_number_++);
    sent.emplace(request.number(), Clock::now());
    if (!core_protocol::AppendFrame(request, frames)) Fail("the request is too long");
  };

  std::string frames;
  for (unsigned i = 0; i < in_flight; ++i) append(frames);
  Send(frames);
  Sample sample;
  std::uint64_t signatures = 0;
  const auto start = Clock::now();
  const auto end = start + duration;
  while (!sent.empty()) {
    frames.clear();
    // All answers that one read brought, then one write of their successors.
    bool more = true;
    while (more) {
      const v1::CoreResponse response = Receive();
      const auto now = Clock::now();
      const auto found = sent.find(response.number());
      if (found == sent.end()) Fail("an answer to no request");
      if (now < end) {
        sample.latencies_us.push_back(
            std::chrono::duration<double, std::micro>(now - found->second).count());
        signatures += batch;
      }
      sent.erase(found);
      if (now < end) append(frames);
      more = decoder_.mid_frame() && !sent.empty();
    }
    Send(frames);
  }
  sample.per_second =
      static_cast<double>(signatures) / std::chrono::duration<double>(duration).count();
  return sample;
}

std::uint64_t SocketLoad::ResidentBytes() const {
  std::ifstream statm("/proc/" + std::to_string(program_.pid()) + "/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

v1::CoreResponse SocketLoad::Call(v1::CoreRequest request) {
  request.set_number(next_number_++);
  std::string frame;
  if (!core_protocol::AppendFrame(request, frame)) Fail("the request is too long");
  Send(frame);
  return Receive();
}

void SocketLoad::Send(const std::string& frames) {
  std::size_t done = 0;
  while (done < frames.size()) {
    const ssize_t sent =
        send(socket_.get(), frames.data() + done, frames.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) Fail("the core closed its socket");
    done += static_cast<std::size_t>(sent);
  }
}

v1::CoreResponse SocketLoad::Receive() {
  while (true) {
    Result<std::optional<BytesView>> message = decoder_.Next();
    if (!message.ok()) Fail(message.error().Describe());
    if (message->has_value()) {
      v1::CoreResponse response;
      if (!response.ParseFromArray((*message)->data(), static_cast<int>((*message)->size()))) {
        Fail("an answer that is no CoreResponse");
      }
      if (response.has_failure())
        Fail(response.failure().message() + " " + response.failure().origin());
      return response;
    }
    const std::span<std::uint8_t> room = decoder_.Writable();
    const ssize_t got = read(socket_.get(), room.data(), room.size());
    if (got <= 0) Fail("the core closed its socket");
    decoder_.Commit(static_cast<std::size_t>(got));
  }
}

}  // namespace twinseal::bench
