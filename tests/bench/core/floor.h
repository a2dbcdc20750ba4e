// The baselines of the core's benchmark: bare loops of PKCS#11 calls, with nothing of Twinseal in
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "tests/bench/parts/measure.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::bench {

struct TokenAccess {
  std::string module;
  std::string label;
  std::string pin;
};

// Holds a login and one key. Each loop runs on `sessions` threads, each with a session of its own.
class Floor {
 public:
  // Finds the appliance's site KEK and binding key on the token, so that the loops use the very
  // same objects; makes a session key of `algorithm` (EC_P256 or RSA_2048). Ends the program with a
  // message when a call fails.
  Floor(const TokenAccess& token, v1::Algorithm algorithm);
  ~Floor();
  Floor(const Floor&) = delete;
  Floor& operator=(const Floor&) = delete;

  // Activations of `signatures` signatures each: exactly the calls that the key engine makes.
  Sample Activations(unsigned sessions, unsigned signatures, Milliseconds duration);
  // The binding of a blob's other bytes, by the appliance's key on the token.
  std::string Bind(std::string bytes) const;
  // C_SignInit and C_Sign on a key that stays unwrapped.
  Sample Warm(unsigned sessions, Milliseconds duration);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace twinseal::bench
