// A worker's hands on the HSM: a session, and the key engine.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "firmware/core/keys/key_engine.h"
#include "firmware/core/keys/workbench.h"
#include "firmware/core/scheduler/executor.h"
#include "hsm/openssl/thread_crypto_context.h"
#include "hsm/pkcs11/connection.h"
#include "hsm/pkcs11/session.h"

namespace twinseal::core {

// Turns requests into calls of the key engine, and its results into responses.
class EngineExecutor : public Executor {
 public:
  // `on_restart_needed` is called, from a worker's thread, when the connection says that only a new
  // process helps.
  EngineExecutor(hsm::Connection& connection, KeyEngine& engine,
                 std::function<void()> on_restart_needed);

  Status Ensure() override;
  bool healthy() const override { return session_->ready(); }
  void Run(const Job& first, const Joiner& join, std::vector<v1::CoreResponse>& responses) override;

 private:
  void Sign(const Job& first, const Joiner& join, std::vector<v1::CoreResponse>& responses);
  Status RunAlone(const v1::CoreRequest& request, v1::CoreResponse& response);

  hsm::ThreadCryptoContext crypto_;  // First, so that it dies last.
  hsm::Connection& connection_;
  KeyEngine& engine_;
  const std::function<void()> on_restart_needed_;
  const std::unique_ptr<hsm::Session> session_;
  Workbench bench_;
};

}  // namespace twinseal::core
