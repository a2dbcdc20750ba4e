#include "common/connect/headers.h"

#include <gtest/gtest.h>

namespace twinseal::connect {
namespace {

TEST(Encodings, AreNamedByContentType) {
  EXPECT_EQ(EncodingOf("application/json"), Encoding::kJson);
  EXPECT_EQ(EncodingOf("Application/JSON ; charset=utf-8"), Encoding::kJson);
  EXPECT_EQ(EncodingOf("application/proto"), Encoding::kProto);
  EXPECT_EQ(EncodingOf("application/protobuf"), std::nullopt);
  EXPECT_EQ(EncodingOf(""), std::nullopt);
}

TEST(Timeouts, AreUpToTenDigits) {
  EXPECT_EQ(*ParseTimeout("1500"), std::chrono::milliseconds(1500));
  EXPECT_EQ(*ParseTimeout("9999999999"), std::chrono::milliseconds(9'999'999'999));
  for (const char* const bad : {"", "-1", "+1", "1s", " 1", "10000000000", "1.5"})
    EXPECT_FALSE(ParseTimeout(bad).ok()) << bad;
}

}  // namespace
}  // namespace twinseal::connect
