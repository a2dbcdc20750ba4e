// twinseald's flags and configuration file (both by CLI11; the file is TOML, its names those of the
// flags with '_').
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/base/types.h"

namespace twinseal::service {

struct Options {
  std::string site;
  std::filesystem::path data_dir;
  std::string address = "127.0.0.1";
  std::uint16_t port = 8443;
  // What clients call the appliance: DNS names and addresses for its TLS certificate.
  std::vector<std::string> names;
  std::filesystem::path ready_file;  // Empty: none is written.
  unsigned threads = 0;              // That do I/O and TLS; 0: chosen by the processors there are.

  std::string hsm_module;
  std::string hsm_module_arguments;
  std::vector<std::string> hsm_module_environment;
  std::string hsm_token;
  unsigned hsm_sessions = 2;
  std::filesystem::path core_program;
  std::string log_level = "info";

  // Of an appliance that is, or is to be, one of a pair.
  std::string peer_listen;   // "0.0.0.0:2380"; empty: it cannot be paired.
  std::string peer_address;  // What the other places dial.
  std::string api_address;   // "https://HOST:PORT", by which places and clients call it.
  std::string proxy;         // "http://HOST:PORT": the way to the other places; empty: straight.
  std::vector<std::string> ledger_names;
  std::string etcd_program = "etcd";
  unsigned heartbeat_ms = 60;
  unsigned election_ms = 300;
  unsigned ledger_quota_mib = 8'192;

  int pin_fd = -1;
  bool initialize = false;
  int setup_fd = -1;
  int so_pin_fd = -1;
};

// What command line and file ask for. When they are wrong, or ask for help, the text is printed and
// nothing comes back; `exit_status` is then what the process is to exit with.
std::optional<Options> ParseOptions(int argc, char** argv, int& exit_status);

}  // namespace twinseal::service
