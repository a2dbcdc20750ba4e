// What a scheme signs, made from a stream of any length in constant memory.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/cli/surroundings.h"
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/crypto/algorithms.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::cli {

// What each scheme signs of one input: its digest, or the message itself.
using SchemeInputs = std::map<v1::Scheme, Bytes>;

// Reads the file once, `-` being the standard input, for all schemes together. A scheme that signs
// the message itself gets it only when it is short enough: out_of_range when it is not and no other
// scheme is asked for, else that scheme is left out. Memory does not grow with the file. Draws
// progress where the error output is a terminal.
Result<SchemeInputs> DigestFor(const Surroundings& surroundings, const std::string& path,
                               const std::vector<v1::Scheme>& schemes);

}  // namespace twinseal::cli
