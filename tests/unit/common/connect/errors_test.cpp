#include "common/connect/errors.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>

namespace twinseal::connect {
namespace {

TEST(Errors, TravelAsJson) {
  const Error error(Code::kNotFound, "no key \"a\nb\xff\" é");
  EXPECT_EQ(EncodeError(error),
            "{\"code\":\"not_found\",\"message\":\"no key \\\"a\\u000ab?\\\" é\"}");
  const Error back = DecodeError(404, EncodeError(error));
  EXPECT_EQ(back.code(), Code::kNotFound);
  EXPECT_EQ(back.message(), "no key \"a\nb?\" é");
}

TEST(Errors, FallBackToTheHttpStatus) {
  EXPECT_EQ(DecodeError(404, "<html>").code(), Code::kUnimplemented);
  EXPECT_EQ(DecodeError(503, R"({"code":"no such code"})").code(), Code::kUnavailable);
  EXPECT_EQ(DecodeError(401, R"({"code":7})").code(), Code::kUnauthenticated);
  EXPECT_EQ(DecodeError(418, std::string(100'000, '[')).code(), Code::kUnknown);
}

// The table of connectrpc.com/docs/protocol, "Error Codes".
TEST(Errors, HaveConnectsHttpStatuses) {
  constexpr std::array<std::pair<std::string_view, int>, 16> kTable = {
      {{"canceled", 499},
       {"unknown", 500},
       {"invalid_argument", 400},
       {"deadline_exceeded", 504},
       {"not_found", 404},
       {"already_exists", 409},
       {"permission_denied", 403},
       {"resource_exhausted", 429},
       {"failed_precondition", 400},
       {"aborted", 409},
       {"out_of_range", 400},
       {"unimplemented", 501},
       {"internal", 500},
       {"unavailable", 503},
       {"data_loss", 500},
       {"unauthenticated", 401}}};
  for (const auto& [name, status] : kTable) {
    const auto code = CodeFromName(name);
    ASSERT_TRUE(code.has_value()) << name;
    EXPECT_EQ(HttpStatus(*code), status) << name;
  }
}

}  // namespace
}  // namespace twinseal::connect
