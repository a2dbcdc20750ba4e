#include "common/https/fields.h"

#include <gtest/gtest.h>

namespace twinseal::https {
namespace {

TEST(FieldsTest, AreFoundByTheirNamesInLowerCase) {
  Fields fields;
  fields.Add("HTTP/2 200 \r\n");
  fields.Add("Content-Type: application/grpc\r\n");
  fields.Add("grpc-status:0\r\n");
  fields.Add("empty:\r\n");
  fields.Add("\r\n");
  EXPECT_EQ(fields.Find("content-type"), "application/grpc");
  EXPECT_EQ(fields.Find("grpc-status"), "0");
  EXPECT_EQ(fields.Find("empty"), "");
  EXPECT_EQ(fields.Find("type"), std::nullopt);
  EXPECT_EQ(fields.Find("Content-Type"), std::nullopt);
}

TEST(FieldsTest, TheLastOfANameCounts) {
  Fields fields;
  fields.Add("grpc-status: 14\r\n");
  fields.Add("grpc-status: 0\r\n");
  EXPECT_EQ(fields.Find("grpc-status"), "0");
  fields.Clear();
  EXPECT_EQ(fields.Find("grpc-status"), std::nullopt);
}

}  // namespace
}  // namespace twinseal::https
