#include "agent/pkcs11/module.h"

#include <algorithm>

#include <fmt/format.h>

namespace twinseal::pkcs11 {

Result<std::shared_ptr<Module>> Module::Create(const Environment& environment) {
  const std::string own_log = environment("TWINSEAL_PKCS11_LOG").value_or("");
  const std::optional<std::string> path = FindConfig(environment);
  if (!path) {
    Log(own_log).Write("there is no configuration, so there is no token");
    return std::shared_ptr<Module>(new Module(Log(own_log)));
  }
  const auto refuse = [&](const Error& error, const std::string& log) {
    Log(log).Write(error.message());
    return error;
  };
  const Result<Config> config = ReadConfig(*path);
  if (!config.ok()) return refuse(config.error(), own_log);
  const std::string log = own_log.empty() ? config->log : own_log;
  std::shared_ptr<Module> module(new Module(Log(log)));
  const auto add = [&](std::string label, std::vector<std::string> endpoints) -> Status {
    TWINSEAL_ASSIGN_OR_RETURN(module->tokens_.emplace_back(),
                              Token::Create(*config, std::move(label), std::move(endpoints)));
    return Ok();
  };
  Status added = add(config->label, config->endpoints);
  for (const auto& [site, endpoint] : config->sites) {
    if (added.ok()) added = add(config->label + " " + site, {endpoint});
  }
  if (!added.ok()) return refuse(added.error().Within(*path), log);
  return module;
}

Outcome<Token*> Module::TokenIn(CK_SLOT_ID slot) const {
  if (slot >= tokens_.size()) return Failure(CKR_SLOT_ID_INVALID);
  return tokens_[slot].get();
}

CK_SESSION_HANDLE Module::OpenSession(Token& token, CK_SLOT_ID slot, CK_FLAGS flags) {
  const MutexLock lock(mutex_);
  sessions_.emplace(++last_handle_, std::make_shared<Session>(token, slot, flags));
  return last_handle_;
}

Outcome<std::shared_ptr<Session>> Module::SessionOf(CK_SESSION_HANDLE handle) const {
  const MutexLock lock(mutex_);
  const auto found = sessions_.find(handle);
  if (found == sessions_.end()) return Failure(CKR_SESSION_HANDLE_INVALID);
  return found->second;
}

Done Module::CloseSession(CK_SESSION_HANDLE handle) {
  const MutexLock lock(mutex_);
  const auto found = sessions_.find(handle);
  if (found == sessions_.end()) return Failure(CKR_SESSION_HANDLE_INVALID);
  const CK_SLOT_ID slot = found->second->slot();
  sessions_.erase(found);
  LogOutIfUnused(slot);
  return {};
}

void Module::CloseAllSessions(CK_SLOT_ID slot) {
  const MutexLock lock(mutex_);
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second->slot() == slot; });
  LogOutIfUnused(slot);
}

void Module::LogOutIfUnused(CK_SLOT_ID slot) {
  const bool used = std::ranges::any_of(
      sessions_, [&](const auto& entry) { return entry.second->slot() == slot; });
  if (used) return;
  // Nobody may have logged in.
  static_cast<void>(tokens_[slot]->Logout());
}

Module::SessionCount Module::CountSessions(CK_SLOT_ID slot) const {
  const MutexLock lock(mutex_);
  SessionCount count{};
  for (const auto& [handle, session] : sessions_) {
    if (session->slot() != slot) continue;
    ++count.all;
    if (session->writable()) ++count.writable;
  }
  return count;
}

void Module::Stop() {
  for (const std::unique_ptr<Token>& token : tokens_) token->Stop();
}

}  // namespace twinseal::pkcs11
