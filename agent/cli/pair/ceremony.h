// The ceremony by which two appliances become one domain, as its driver sees it: it carries signed
// messages from one to the other and waits for the operators at both consoles. It can use none of
// what it carries (pair.proto).
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "agent/cli/pair/ceremony_file.h"
#include "agent/cli/pair/waiting.h"
#include "agent/cli/remote.h"
#include "agent/cli/service_config.h"
#include "agent/cli/surroundings.h"
#include "common/base/result.h"
#include "twinseal/v1/pair.pb.h"
#include "twinseal/v1/pair_store.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::cli {

// Whom the driver talks to.
struct Parties {
  Remote& sites;     // Of the configuration; the holder is one of them.
  Remote& stranger;  // The joiner, whatever its certificate, asked by nobody.
  Remote& joiner;    // The joiner, once its certificate is the domain's, asked by the operator.
};

struct CeremonyPlan {
  std::string joiner_endpoint;
  std::string replaces;  // The lost site's name; empty when none is replaced.
  std::chrono::seconds confirm_within;
  // The pair that the agent was the witness of is over: what it kept of that goes away.
  bool forget_pair = false;
};

// One thread. Each step is noted before the next: Run() goes on where it was interrupted.
class Ceremony {
 public:
  Ceremony(const CeremonyFile& file, const AgentSettings& agent, Parties parties,
           const Surroundings& surroundings, std::ostream& say)
      : file_(file), agent_(agent), parties_(parties), surroundings_(surroundings), say_(say) {}

  // Until the pair serves. failed_precondition when another ceremony is under way; data_loss when
  // the two sites do not see the same messages; deadline_exceeded when nobody confirmed in time.
  Status Run(const CeremonyPlan& plan);

  const v1::CeremonyState& state() const { return state_; }

 private:
  Status BeginOrResume(const CeremonyPlan& plan);
  Status FindHolder();
  Status FindJoiner();
  Status Offer();
  Status Answer();
  Status Agree();
  void TellOperators(const CeremonyPlan& plan) const;
  Status Release(const TimeLimit& limit);
  Status Accept(const TimeLimit& limit);
  Status MakeWitness();
  Status CertifyWitness(const std::string& ca_pem);
  Status Conclude();
  Status AwaitPaired();

  // Asks until the operator at that site's console has confirmed. `waits` says of how the site is
  // whether its refusal only means that.
  Status AwaitConfirmation(const std::string& site, const TimeLimit& limit,
                           const std::function<Status()>& ask,
                           const std::function<Result<v1::GetPairResponse>()>& look) const;
  Status Keep() const { return file_.Save(state_); }

  template <typename Response>
  Status AskHolder(const std::string& procedure, const google::protobuf::Message& request,
                   Response& response) {
    return parties_.sites.CallAt(holder_, procedure, request, response);
  }

  const CeremonyFile& file_;
  const AgentSettings& agent_;
  Parties parties_;
  const Surroundings& surroundings_;
  std::ostream& say_;
  std::size_t holder_ = 0;  // Its endpoint.
  v1::CeremonyState state_;
};

// Asks the joiner, whichever certificate it has by now.
Status AskJoiner(const Parties& parties, std::string_view procedure,
                 const google::protobuf::Message& request, google::protobuf::Message& response);
Result<v1::GetPairResponse> LookAtJoiner(const Parties& parties);

}  // namespace twinseal::cli
