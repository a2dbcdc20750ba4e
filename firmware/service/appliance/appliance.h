// A serving appliance, put together from its parts.
#pragma once

#include <memory>

#include "common/base/result.h"
#include "firmware/service/appliance/running.h"
#include "firmware/service/runtime/options.h"

namespace twinseal::service {

class Appliance : public Running {
 public:
  // Opens the files, starts the core and serves. Returns when clients are answered; also when the
  // core is not ready yet, which /readyz then tells. failed_precondition when the appliance is not
  // set up.
  static Result<std::unique_ptr<Appliance>> Start(const Options& options);
  // As Stop().
  ~Appliance() override;

  Appliance(const Appliance&) = delete;
  Appliance& operator=(const Appliance&) = delete;

  // Reads the PIN's source again and starts a core that had refused to run.
  void Reload() override;
  // Accepts nothing more, finishes what was accepted, and ends the core.
  void Stop() override;

 private:
  struct Parts;
  explicit Appliance(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace twinseal::service
