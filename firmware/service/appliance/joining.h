// An appliance that waits to be paired: it has an identity and nothing else, and serves the pairing
// ceremony alone.
#pragma once

#include <memory>

#include "firmware/service/appliance/running.h"

namespace twinseal::service {

class Joining : public Running {
 public:
  // Returns when it answers. failed_precondition when another twinseald runs on the folder.
  static Result<std::unique_ptr<Running>> Start(const Options& options);
  ~Joining() override;  // As Stop().

  void Reload() override {}  // The PIN is read anew at each step.
  void Stop() override;

 private:
  struct Parts;
  explicit Joining(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace twinseal::service
