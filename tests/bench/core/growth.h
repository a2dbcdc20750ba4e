// What many keys cost: latency, memory and start-up of a core whose vault grows.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/bench/core/floor.h"
#include "tests/bench/parts/report.h"
#include "tests/support/core_client/core_client.h"
#include "tests/support/core_client/core_program.h"

namespace twinseal::bench {

// One core of its own. The keys are one ec-p256 key under as many ids, each bound on the token like
// any other, since making them all would take minutes. Ends the program when a call fails.
class Growth {
 public:
  Growth(const test::CoreArguments& arguments, Floor& floor);

  // Signs with random ones of 1,000 and then of `keys` keys, `rounds` slices each, with slices of
  // the floor in between; then starts the core anew, `rounds` times.
  std::vector<Figure> Measure(std::size_t keys, unsigned rounds, Milliseconds slice);

 private:
  struct Latency {
    double ours_us;
    double floor_us;
  };

  void Start();
  void Stop();
  void FillUp(std::size_t keys);
  Latency MeasureLatency(unsigned rounds, Milliseconds slice);
  double MedianOfSigning(Milliseconds slice);
  double ResidentMebibytes() const;

  const test::CoreArguments& arguments_;
  Floor& floor_;
  std::unique_ptr<test::CoreProgram> program_;
  std::unique_ptr<test::CoreClient> client_;
  v1::ReplicaBlob key_;
  std::vector<std::string> ids_;
};

}  // namespace twinseal::bench
