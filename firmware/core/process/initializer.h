// Sets a token up for an appliance, and has it join a domain: what twinseal-core does when it is
// started with --initialize.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "common/base/result.h"
#include "common/base/secret.h"
#include "firmware/core/channel/frame_writer.h"
#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/pin.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

struct InitializerOptions {
  hsm::ConnectionOptions connection;
  std::filesystem::path vault_folder;
  std::optional<Secret> so_pin;  // Given when a blank token is to be made the appliance's.
};

// One thread.
class Initializer {
 public:
  // `pin_text` is the PIN that a blank token gets; `pin` gives the same one for logging in.
  Initializer(InitializerOptions options, Secret pin_text, hsm::PinSource& pin)
      : options_(std::move(options)), pin_text_(std::move(pin_text)), pin_(pin) {}

  // Answers what sets a token up and what makes the appliance join a domain or leave it, and
  // refuses all else, until the peer closes its side.
  Status Serve(int fd, FrameWriter& writer);

 private:
  v1::CoreResponse Answer(const v1::CoreRequest& request);
  Status Run(const v1::CoreRequest& request, v1::CoreResponse& response);
  Status Initialize(const v1::CoreInitializeRequest& request, v1::CoreResponse& response);
  // A session that is made for this piece of work alone: the HSM may be away in between.
  Status WithSession(const std::function<Status(hsm::Session&)>& work);

  InitializerOptions options_;
  Secret pin_text_;
  hsm::PinSource& pin_;
};

}  // namespace twinseal::core
