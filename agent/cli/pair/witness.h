// The witness's part of a ceremony: its client certificate, and what its daemon starts from.
#pragma once

#include <functional>
#include <string>

#include "agent/cli/service_config.h"
#include "common/base/result.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::cli {

// The agent's files, all in its data_dir with mode 0600: agent.key, agent.pem, ca.pem and state.
class WitnessFiles {
 public:
  explicit WitnessFiles(const AgentSettings& settings) : settings_(settings) {}

  // Whether the agent belongs to a pair already.
  bool complete() const;
  // failed_precondition when it is the witness of another domain.
  Status CheckDomain(const std::string& domain_id) const;

  // A request for the key in agent.key, which is made when there is none.
  Result<std::string> RequestCertificate() const;
  Status WriteCertificate(const std::string& certificate_pem, const std::string& ca_pem) const;
  // What the daemon waits for. A state that is there keeps what the daemon has noted in it. Errors
  // as of CheckDomain.
  Status WriteState(const v1::PairConfig& config, const std::string& operator_ca_pem,
                    const std::string& ledger_ca_pem) const;

  Status Remove() const;

 private:
  // One without a pair when there is no file.
  Result<v1::WitnessState> ReadState() const;
  std::string Path(const std::string& name) const { return settings_.data_dir + "/" + name; }

  const AgentSettings& settings_;
};

}  // namespace twinseal::cli
