// twinseal-agent's flags and configuration file (both by CLI11; the file is TOML, its names those
// of the flags with '_').
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace twinseal::agent {

struct Options {
  std::string name = "agent";
  std::filesystem::path data_dir;
  std::string address = "127.0.0.1";
  std::uint16_t port = 8443;
  std::string api_address;   // "https://HOST:PORT", by which sites and operators call it.
  std::string peer_listen;   // "0.0.0.0:2380"
  std::string peer_address;  // What the other places dial.
  std::string proxy;         // "http://HOST:PORT": the way to the other places; empty: straight.
  std::filesystem::path ready_file;  // Empty: none is written.
  std::string etcd_program = "etcd";
  unsigned heartbeat_ms = 60;
  unsigned election_ms = 300;
  unsigned ledger_quota_mib = 8'192;
  std::string log_level = "info";
};

// What command line and file ask for. When they are wrong, or ask for help, the text is printed and
// nothing comes back; `exit_status` is then what the process is to exit with.
std::optional<Options> ParseOptions(int argc, const char* const* argv, int& exit_status);

}  // namespace twinseal::agent
