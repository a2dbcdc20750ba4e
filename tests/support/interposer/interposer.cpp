#include "tests/support/interposer/interposer.h"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <dlfcn.h>
#include <sys/stat.h>

namespace twinseal::interposer {
namespace {

constexpr std::chrono::milliseconds kLookInterval{10};

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

CK_RV Interposer::Configure() {
  const std::lock_guard lock(mutex_);
  std::string script_path = Environment("TWINSEAL_INTERPOSER_SCRIPT");
  if (script_path != script_path_) {
    script_path_ = std::move(script_path);
    stamp_ = {};
    script_ =
        std::make_shared<Script>();  // The counters of another script are no concern of this one.
  }
  std::string path = Environment("TWINSEAL_INTERPOSER_MODULE");
  if (path == module_path_ && real_ != nullptr) return CKR_OK;
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (path.empty() || library == nullptr) return CKR_GENERAL_ERROR;
  const auto get_list = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  if (get_list == nullptr || get_list(&functions) != CKR_OK) return CKR_GENERAL_ERROR;
  module_path_ = std::move(path);
  real_ = functions;
  return CKR_OK;
}

std::shared_ptr<const Script> Interposer::Current() {
  const std::lock_guard lock(mutex_);
  struct stat status {};
  Stamp stamp;
  if (!script_path_.empty() && stat(script_path_.c_str(), &status) == 0) {
    stamp = {status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size};
  }
  if (stamp == stamp_) return script_;
  std::string text;
  if (stamp.size > 0) {
    std::ifstream file(script_path_);
    text.assign(std::istreambuf_iterator<char>(file), {});
  }
  auto parsed = ParseScript(text);
  readable_ = parsed.ok();
  auto script = std::make_shared<Script>();
  if (parsed.ok()) *script = std::move(*parsed);
  KeepCounters(*script, *script_);
  stamp_ = stamp;
  script_ = script;
  return script_;
}

void Interposer::WaitWhileScripted(const std::string& line) {
  while (true) {
    const auto script = Current();
    bool scripted = false;
    for (const Rule& rule : *script) scripted = scripted || rule.line == line;
    if (!scripted) return;
    std::unique_lock lock(mutex_);
    never_.wait_for(lock, kLookInterval);
  }
}

Verdict Interposer::Before(std::string_view function) {
  const auto script = Current();
  if (function == "C_Initialize") {
    const std::lock_guard lock(mutex_);
    if (!readable_) return {CKR_ARGUMENTS_BAD, false};
  }
  for (const Rule& rule : *script) {
    if (rule.action == Action::kHide || !rule.Concerns(function) || !rule.Hits()) continue;
    switch (rule.action) {
      case Action::kError:
        return {rule.rv, false};
      case Action::kCorrupt:
        return {CKR_OK, true};
      case Action::kCrash:
        __builtin_trap();
      case Action::kHang:
        WaitWhileScripted(rule.line);
        return {};
      case Action::kDelay: {
        const auto until = std::chrono::steady_clock::now() + rule.delay;
        std::unique_lock lock(mutex_);
        never_.wait_until(lock, until,
                          [until] { return std::chrono::steady_clock::now() >= until; });
        break;
      }
      case Action::kHide:
        break;
    }
  }
  return {};
}

bool Interposer::Hidden(CK_MECHANISM_TYPE mechanism) {
  for (const Rule& rule : *Current()) {
    if (rule.action == Action::kHide && rule.mechanism == mechanism) return true;
  }
  return false;
}

}  // namespace twinseal::interposer
