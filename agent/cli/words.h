// What people type and read in place of enumerators, seconds and milliseconds.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "twinseal/v1/appliance.pb.h"
#include "twinseal/v1/keys.pb.h"

namespace google::protobuf {
class EnumValueDescriptor;
}

namespace twinseal::cli {

// "ec-p256", "pending-destruction", "vault"; "unspecified" for the zero value.
std::string Word(const google::protobuf::EnumValueDescriptor& value);
std::string Word(v1::Algorithm algorithm);
std::string Word(v1::Scheme scheme);
std::string Word(v1::Storage storage);
std::string Word(v1::KeyState state);
std::string Word(v1::Isolation isolation);

// invalid_argument that lists the words there are.
Result<v1::Storage> ParseStorage(std::string_view word);
Result<v1::Isolation> ParseIsolation(std::string_view word);
// Sites issue their certificates to themselves: nobody asks for that role.
Result<v1::Role> ParseRole(std::string_view word);

// "30d", "12h", "90m", "45s", "2w" or "0"; at most 100 years. invalid_argument for anything else, a
// bare number too: days taken for seconds would destroy a key.
Result<std::chrono::seconds> ParseDuration(std::string_view text);
// The largest unit that divides it: 604800 s is "7d".
std::string FormatDuration(std::chrono::seconds duration);

// "2026-11-21 04:05:06Z"; "-" for 0.
std::string FormatUnixMs(std::int64_t milliseconds);
// With milliseconds, for the audit log: "2026-11-21 04:05:06.123Z".
std::string FormatUnixUs(std::int64_t microseconds);

// "1.5 GiB"
std::string FormatSize(std::uint64_t bytes);

// "1 file", "3 files"
std::string Count(std::uint64_t number, std::string_view noun);

}  // namespace twinseal::cli
