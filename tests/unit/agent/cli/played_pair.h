// Two sites that are about to be paired, as the command line sees them: the holder at
// https://a.example:9443 and the joiner at https://b.example:9443.
#pragma once

#include <map>
#include <string>

#include "tests/unit/agent/cli/cli_fixture.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/pair.pb.h"
#include "twinseal/v1/site.pb.h"

namespace twinseal::cli {

// They keep the contract: each step only in its phase, and the same answer to the same request. A
// request id that comes with another request fails the test.
class PlayedPair {
 public:
  static constexpr const char* kJoiner = "https://b.example:9443";
  static constexpr const char* kCode = "12345 67890 11111 22222 33333 44444";

  PlayedPair(FakeAppliances& holder, FakeAppliances& joiner_to_strangers,
             FakeAppliances& joiner_to_members);

  std::string holder_phase = "alone";
  std::string joiner_phase = "joining";
  std::string joiner_name = "b";
  bool holder_confirmed = false;
  bool joiner_confirmed = false;
  std::string joiner_code = kCode;  // Another one when somebody is in between.
  std::string replaced;             // As the holder was told.
  bool joiner_refuses_to_abort = false;
  bool holder_can_sign = true;
  int unsettled_for = 0;  // How often the holder is asked to conclude before its ledger can.
  int moves_for = 2;      // How often the sites are asked before they are done.
  int certificates = 0;   // That the holder issued.

 private:
  void PlayHolder(FakeAppliances& holder);
  void PlayJoiner(FakeAppliances& joiner, bool to_strangers);
  v1::GetPairResponse Look(const std::string& site, const std::string& phase) const;
  v1::PairConfig Config() const;
  // Fails the test when the id was used for another request. Whether it was used for this one.
  bool Repeated(const std::string& request_id, const std::string& request);

  std::map<std::string, std::string> requests_;
  std::map<std::string, std::string> answers_;
  v1::PairingTranscript transcript_;
};

}  // namespace twinseal::cli
