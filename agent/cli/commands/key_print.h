// How keys are shown.
#pragma once

#include <ostream>
#include <vector>

#include "agent/cli/commands/options.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::cli {

// Everything about one key.
void PrintKey(std::ostream& out, const v1::Key& key, OutputForm form);
// One line a key, in the order given. JSON: {"keys": [...]}.
void PrintKeys(std::ostream& out, const std::vector<v1::Key>& keys, OutputForm form);
// What silence means is spelled out in the table; JSON has the policy as it is stored.
void PrintPolicy(std::ostream& out, const v1::KeyPolicy& policy, OutputForm form);

// The policy that a change left, in JSON with the sites that could not be told besides.
void PrintChangedPolicy(std::ostream& out, const v1::Key& key, OutputForm form);
// Of a change: a warning for each site that could not be told and may go on under the old rule;
// nothing when there is none.
void WarnOfUninformed(std::ostream& err, const v1::Key& key);

}  // namespace twinseal::cli
