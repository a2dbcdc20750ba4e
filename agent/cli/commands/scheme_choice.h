// Which scheme a file is signed or checked with when the user names none.
#pragma once

#include <string>
#include <vector>

#include "agent/cli/remote.h"
#include "common/base/result.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::cli {

// `wanted` when there is one. Else the algorithm's usual scheme where the key's policy has it at
// every site, else the first that it has at every site; when there is none, at those sites of which
// the policy says nothing of their own.
Result<v1::Scheme> SchemeToSign(Remote& remote, const std::string& key, v1::Scheme wanted);

// `wanted` alone when there is one, else each that fits the key: a policy may have allowed others
// once.
Result<std::vector<v1::Scheme>> SchemesToVerify(const v1::Key& key, v1::Scheme wanted);

}  // namespace twinseal::cli
