// The program's conversation with tools/bench: a command a line, and a line of JSON for each.
#pragma once

#include <istream>
#include <map>
#include <memory>
#include <string>

#include "tests/bench/pair/clients.h"
#include "tests/bench/pair/reply.h"
#include "tests/bench/pair/signing.h"

namespace twinseal::bench {

// ENDS is the name of an end, or several with commas between, whose clients take turns; keys are
// named PREFIX-0, PREFIX-1 and so on. Times are in seconds, of the monotonic clock where they are
// moments.
//
//   sign ENDS CLIENTS PREFIX KEYS MS            signatures for so long
//   load NAME ENDS CLIENTS PREFIX KEYS          signs in the background from now on
//   mark                                        what the loads met since the last mark
//   stop                                        the same, and ends the loads
//   change CHANGE ENDS CLIENTS PREFIX FROM COUNT  create, disable or enable each key once
//   ask ENDS PREFIX                             at each end and at once: create PREFIX-END-1 and
//                                               disable PREFIX-END-0
//   look END PREFIX FROM COUNT STEP             which of the keys sign at the end's first site
class Session {
 public:
  explicit Session(Clients clients) : clients_(std::move(clients)) {}

  // Ends the program when the command is none.
  Reply Perform(const std::string& line);

 private:
  Reply Sign(std::istream& words);
  Reply StartLoad(std::istream& words);
  Reply Mark();
  Reply ChangeKeys(std::istream& words);
  Reply Ask(std::istream& words);
  Reply Look(std::istream& words);

  Clients clients_;
  std::map<std::string, std::unique_ptr<SigningLoad>> loads_;
};

}  // namespace twinseal::bench
