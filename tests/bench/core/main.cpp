// Measures one number of sessions: the appliance beside bare loops of PKCS#11 calls, slice by slice
// in turn, on the same module and token. tools/bench starts it, once a number of sessions, against
// a bench that it has made.
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "common/crypto/algorithms.h"
#include "tests/bench/core/floor.h"
#include "tests/bench/core/growth.h"
#include "tests/bench/core/socket_load.h"
#include "tests/bench/parts/api_load.h"
#include "tests/bench/parts/report.h"
#include "tests/support/loaded_token/pins.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::bench {
namespace {

constexpr unsigned kBatch = 64;
constexpr unsigned kClients = 32;  // Of the API, as the targets say.
constexpr double kIdleBudgetMicroseconds = 500;
constexpr double kMicrosecondsPerSecond = 1e6;

// The targets of the issue that asked for this benchmark.
constexpr Target kStrictSocket{true, 0.90};
constexpr Target kStrictApi{true, 0.80};
constexpr Target kSharedSocket{true, 0.75};
constexpr Target kSharedApi{true, 0.60};
constexpr Target kIdle{false, 1.00};

struct Options {
  test::CoreArguments core;
  ApiAccess api;
  std::string
      strict_key;  // Names on the appliance, made with max_signatures_per_activation 1 and 64.
  std::string shared_key;
  std::string algorithm;
  std::string json;
  std::string only;         // Of the cases, those whose name has this in it.
  std::size_t grow_to = 0;  // Keys; then it measures growth, and nothing else.
  unsigned rounds = 5;
  unsigned slice_ms = 1000;
};

class Run {
 public:
  explicit Run(const Options& options)
      : options_(options),
        sessions_(options.core.sessions),
        algorithm_(*crypto::ParseAlgorithm(options.algorithm)),
        duration_(options.slice_ms),
        floor_({options.core.module, options.core.token, *options.core.pin}, algorithm_),
        socket_(options.core),
        api_(options.api) {}

  std::vector<Figure> All() {
    Socket();
    Api();
    return figures_;
  }

 private:
  std::string Name(const char* what, const char* where) const {
    return fmt::format("{}/{}/{}/{}", what, where, options_.algorithm, sessions_);
  }

  bool Wanted(const std::string& name) const {
    return name.find(options_.only) != std::string::npos;
  }

  // Ours and the baseline in turn; the ratio is the median of the rounds' ratios.
  void Compare(std::string name, const Slice& ours, const Slice& baseline, Target target) {
    if (!Wanted(name)) return;
    const Compared found = InTurn(options_.rounds, ours, baseline);
    Add({std::move(name), "signatures/s", found.value, found.baseline, found.ratio, target});
  }

  void Add(Figure figure) {
    Print(figure);
    figures_.push_back(std::move(figure));
  }

  Slice Floor() {
    return [this] { return floor_.Activations(sessions_, 1, duration_); };
  }
  Slice Warm() {
    return [this] { return floor_.Warm(sessions_, duration_); };
  }

  void Socket() {
    const v1::KeyHeader strict = socket_.MakeKey(algorithm_, 1).header();
    const v1::KeyHeader shared = socket_.MakeKey(algorithm_, kBatch).header();
    Compare(
        Name("strict", "socket"), [&] { return socket_.Sign(strict, 2 * sessions_, 1, duration_); },
        Floor(), kStrictSocket);
    Compare(
        Name("batch64", "socket"),
        [&] { return socket_.Sign(strict, 2 * sessions_, kBatch, duration_); }, Warm(),
        kSharedSocket);
    // While one activation runs for each session, the next 64 wait.
    Compare(
        Name("shared64", "socket"),
        [&] { return socket_.Sign(shared, (sessions_ + 1) * kBatch, 1, duration_); }, Warm(),
        kSharedSocket);
  }

  Bytes SignBody(const std::string& key) const {
    v1::SignRequest request;
    request.set_key(key);
    request.set_digest(std::string(32, 'd'));
    return ToBytes(request.SerializeAsString());
  }

  Bytes BatchBody() const {
    v1::SignBatchRequest request;
    request.set_key(options_.strict_key);
    for (unsigned i = 0; i < kBatch; ++i)
      request.add_digests(std::string(32, static_cast<char>(i)));
    return ToBytes(request.SerializeAsString());
  }

  void Api() {
    const Bytes strict = SignBody(options_.strict_key);
    const Bytes shared = SignBody(options_.shared_key);
    const Bytes batch = BatchBody();
    const std::string sign = "SigningService/Sign";
    Compare(
        Name("strict", "api"), [&] { return api_.Run(kClients, sign, strict, 1, duration_); },
        Floor(), kStrictApi);
    Compare(
        Name("batch64", "api"),
        [&] {
          return api_.Run(2 * sessions_, "SigningService/SignBatch", batch, kBatch, duration_);
        },
        Warm(), kSharedApi);
    Compare(
        Name("shared64", "api"),
        [&] { return api_.Run((sessions_ + 1) * kBatch, sign, shared, 1, duration_); }, Warm(),
        kSharedApi);
    Idle(strict);
  }

  // One client, one request at a time: the median of its latency beside the floor's plus the
  // budget.
  void Idle(const Bytes& body) {
    std::string name = Name("idle", "api");
    if (!Wanted(name)) return;
    std::vector<double> values;
    std::vector<double> baselines;
    std::vector<double> ratios;
    for (unsigned round = 0; round < options_.rounds; ++round) {
      const double floor = Median(floor_.Activations(1, 1, duration_).latencies_us);
      baselines.push_back(floor + kIdleBudgetMicroseconds);
      values.push_back(Median(api_.Run(1, "SigningService/Sign", body, 1, duration_).latencies_us));
      ratios.push_back(values.back() / baselines.back());
    }
    Add({std::move(name), "us p50", Median(values), Median(baselines), Median(ratios), kIdle});
  }

  const Options& options_;
  unsigned sessions_;
  v1::Algorithm algorithm_;
  Milliseconds duration_;
  bench::Floor floor_;
  SocketLoad socket_;
  ApiLoad api_;
  std::vector<Figure> figures_;
};

std::vector<Figure> Grow(const Options& options) {
  Floor floor({options.core.module, options.core.token, *options.core.pin}, v1::EC_P256);
  return Growth(options.core, floor)
      .Measure(options.grow_to, options.rounds, Milliseconds(options.slice_ms));
}

}  // namespace
}  // namespace twinseal::bench

int main(int argc, char** argv) {
  twinseal::bench::Options options;
  int pins_fd = -1;
  CLI::App app(
      "Measures the signing core beside bare loops of PKCS#11 calls; started by tools/bench");
  app.add_option("--core", options.core.program)->required();
  app.add_option("--data-dir", options.core.data_dir)->required();
  app.add_option("--module", options.core.module)->required();
  app.add_option("--token", options.core.token)->required();
  app.add_option("--pins-fd", pins_fd)->required();
  app.add_option("--sessions", options.core.sessions)->required();
  app.add_option("--host", options.api.host);
  app.add_option("--port", options.api.port);
  app.add_option("--ca", options.api.ca);
  app.add_option("--certificate", options.api.certificate);
  app.add_option("--key", options.api.key);
  app.add_option("--strict-key", options.strict_key);
  app.add_option("--shared-key", options.shared_key);
  app.add_option("--algorithm", options.algorithm);
  app.add_option("--json", options.json)->required();
  app.add_option("--grow-to", options.grow_to);
  app.add_option("--only", options.only);
  app.add_option("--rounds", options.rounds);
  app.add_option("--slice-ms", options.slice_ms);
  CLI11_PARSE(app, argc, argv);
  options.core.pin = twinseal::test::ReadPins(pins_fd).at(0);

  const std::vector<twinseal::bench::Figure> figures =
      options.grow_to > 0 ? twinseal::bench::Grow(options) : twinseal::bench::Run(options).All();
  if (twinseal::bench::WriteJson(figures, options.json)) return 0;
  std::fprintf(stderr, "bench: cannot write %s\n", options.json.c_str());
  return 1;
}
