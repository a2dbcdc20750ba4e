#include "common/connect/codec.h"

#include <gmock/gmock.h>
#include <google/protobuf/unknown_field_set.h>

#include "common/connect/json_check.h"
#include "twinseal/v1/keys.pb.h"

namespace twinseal::connect {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string JsonError(std::string_view body) {
  v1::CreateKeyRequest message;
  const Status status = Decode(Encoding::kJson, AsBytes(body), message);
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  EXPECT_LT(status.error().message().size(), 260U);
  return status.error().message();
}

std::string ProtoError(std::string_view body) {
  v1::CreateKeyRequest message;
  const Status status = Decode(Encoding::kProto, AsBytes(body), message);
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code(), Code::kInvalidArgument);
  return status.error().message();
}

TEST(Decode, ReadsJson) {
  v1::CreateKeyRequest message;
  message.set_name("left over");
  const Status status = Decode(
      Encoding::kJson,
      AsBytes(R"( {"requestId":"r1","algorithm":"EC_P256","policy":{"applications":["a","\u00e9"],
                               "min_destruction_wait_seconds":7}} )"),
      message);
  ASSERT_TRUE(status.ok()) << status.error().Describe();
  EXPECT_EQ(message.request_id(), "r1");
  EXPECT_EQ(message.name(), "");
  EXPECT_EQ(message.algorithm(), v1::EC_P256);
  EXPECT_EQ(message.policy().applications(1), "é");
  EXPECT_EQ(message.policy().min_destruction_wait_seconds(), 7U);
}

TEST(Decode, RefusesJsonThatIsNone) {
  EXPECT_THAT(JsonError(""), HasSubstr("empty"));
  EXPECT_THAT(JsonError("{"), HasSubstr("at byte 1"));
  EXPECT_THAT(JsonError("{} x"), HasSubstr("at byte 3"));
  EXPECT_THAT(JsonError("{'name':'a'}"), HasSubstr("at byte 1"));
  EXPECT_THAT(JsonError("{name:1}"), HasSubstr("at byte 1"));
  EXPECT_THAT(JsonError(R"({"name":"a",})"), HasSubstr("at byte 12"));
  EXPECT_THAT(JsonError(R"({"name":tru})"), HasSubstr("at byte 8"));
  EXPECT_THAT(JsonError(R"({"name":01})"), HasSubstr("at byte 9"));
  EXPECT_THAT(JsonError("{\"name\":\"a\nb\"}"), HasSubstr("at byte 10"));
  EXPECT_THAT(JsonError("{\"name\":\"\xff\"}"), HasSubstr("not UTF-8 stands at byte 9"));
  EXPECT_THAT(JsonError("{\"name\":\"\xc0\xaf\"}"), HasSubstr("not UTF-8"));
  EXPECT_THAT(JsonError(R"({"name":"\ud800"})"), HasSubstr("surrogate"));
  EXPECT_THAT(JsonError(R"({"name":"\q"})"), HasSubstr("escape"));
  EXPECT_THAT(JsonError(R"({"name":"a","n\u0061me":"b"})"),
              HasSubstr("name: the field is there twice"));
  EXPECT_THAT(JsonError(std::string(100, '[')), HasSubstr("nested too deeply at byte 32"));
}

TEST(Decode, RefusesJsonThatDoesNotFit) {
  EXPECT_THAT(JsonError(R"({"policy":{"extra":1}})"), HasSubstr("extra"));
  EXPECT_THAT(JsonError(R"({"algorithm":"NONE"})"), HasSubstr("algorithm"));
  EXPECT_THAT(JsonError(R"({"policy":{"isolationSeconds":-1}})"), HasSubstr("isolation"));
  EXPECT_NE(JsonError("[]"), "");
  EXPECT_NE(JsonError("1"), "");
  EXPECT_NE(JsonError(R"({"name":7})"), "not refused");
}

TEST(Decode, RepeatsNoLongInput) {
  const std::string longest(10'000, 'q');
  EXPECT_THAT(JsonError("{\"" + longest + "\":1}"), Not(HasSubstr(std::string(200, 'q'))));
  EXPECT_THAT(JsonError("{\"algorithm\":\"" + longest + "\"}"),
              Not(HasSubstr(std::string(200, 'q'))));
  EXPECT_THAT(JsonError("{\"" + longest + "\":1,\"" + longest + "\":1}"),
              Not(HasSubstr(std::string(100, 'q'))));
}

TEST(Decode, ReadsProto) {
  v1::CreateKeyRequest sent;
  sent.set_name("code-signing");
  sent.mutable_policy()->add_applications("build");
  sent.mutable_policy()->add_schemes(v1::ECDSA_SHA256);
  v1::CreateKeyRequest got;
  const Status status = Decode(Encoding::kProto, AsBytes(sent.SerializeAsString()), got);
  ASSERT_TRUE(status.ok()) << status.error().Describe();
  EXPECT_EQ(got.SerializeAsString(), sent.SerializeAsString());
  EXPECT_EQ(ProtoError(""), "");
}

TEST(Decode, RefusesUnknownFieldsAtAnyDepth) {
  v1::CreateKeyRequest message;
  message.GetReflection()->MutableUnknownFields(&message)->AddVarint(99, 1);
  EXPECT_THAT(ProtoError(message.SerializeAsString()), HasSubstr("the body: there is no field 99"));
  v1::CreateKeyRequest nested;
  v1::KeyPolicy* const policy = nested.mutable_policy();
  policy->GetReflection()->MutableUnknownFields(policy)->AddVarint(99, 1);
  EXPECT_THAT(ProtoError(nested.SerializeAsString()),
              HasSubstr("policy: there is no field 99 in twinseal.v1.KeyPolicy"));
}

TEST(Decode, RefusesMalformedProto) {
  using namespace std::string_view_literals;
  EXPECT_THAT(ProtoError("\x12\x05"
                         "ab"sv),
              HasSubstr("name: it is longer than the body"));
  EXPECT_THAT(ProtoError("\x12\x01\xff"sv), HasSubstr("name: text that is not UTF-8"));
  EXPECT_THAT(ProtoError("\x10\x01"sv), HasSubstr("name: it is encoded as another type"));
  EXPECT_THAT(ProtoError("\x18\xff"sv), HasSubstr("algorithm: its value is cut off"));
  EXPECT_THAT(ProtoError("\x00"sv), HasSubstr("not protobuf at byte 1"));
  EXPECT_THAT(ProtoError("\x2a\x03\x0a\x01\xff"sv),
              HasSubstr("policy.applications: text that is not UTF-8"));
  EXPECT_THAT(ProtoError("\x2a\x01\x0a\x01\x61"sv), HasSubstr("policy.applications"));
}

TEST(Encode, IsStrictAboutText) {
  v1::Key key;
  key.set_name("a\"b");
  const auto json = Encode(Encoding::kJson, key);
  ASSERT_TRUE(json.ok());
  EXPECT_EQ(*json, R"({"name":"a\"b"})");
}

}  // namespace
}  // namespace twinseal::connect
