#include "tests/unit/firmware/core/process/program_fixture.h"

#include "common/crypto/public_key.h"

namespace twinseal::core {

test::CoreArguments ProgramTest::Arguments() const {
  test::CoreArguments arguments;
  arguments.program = CORE_PROGRAM;
  arguments.data_dir = data_.path();
  arguments.module = token_.module().path;
  arguments.module_arguments = token_.module().init_string;
  arguments.token = test::TestToken::kLabel;
  arguments.pin = std::string(test::TestToken::kPin);
  arguments.more = {"--module-environment", "TWINSEAL_INTERPOSER_MODULE", "--module-environment",
                    "TWINSEAL_INTERPOSER_SCRIPT"};
  return arguments;
}

void ProgramTest::SetTokenUp() {
  test::CoreArguments arguments = Arguments();
  arguments.more.push_back("--initialize");
  test::CoreProgram core(arguments);
  test::CoreClient client(core.TakeSocket());
  v1::CoreRequest request;
  request.mutable_initialize()->set_site("a");
  const auto response = client.Call(std::move(request));
  ASSERT_TRUE(response.ok()) << response.error().Describe() << core.Log();
  client.Close();
  EXPECT_TRUE(core.Wait().With(core_protocol::CoreExit::kDone));
}

void ProgramTest::Start(const test::CoreArguments& arguments) {
  core_ = std::make_unique<test::CoreProgram>(arguments);
  client_ = std::make_unique<test::CoreClient>(core_->TakeSocket());
  const auto status = client_->GetStatus();
  ASSERT_TRUE(status.ok()) << status.error().Describe() << core_->Log();
}

v1::KeyHeader ProgramTest::MakeKey(v1::Algorithm algorithm, std::uint32_t max_signatures) {
  v1::KeyHeader header = test::NewKeyHeader(algorithm);
  header.mutable_policy()->set_max_signatures_per_activation(max_signatures);
  const auto blob = client_->Generate(header);
  EXPECT_TRUE(blob.ok()) << blob.error().Describe() << core_->Log();
  if (!blob.ok()) return header;
  const Status installed = client_->Install(*blob);
  EXPECT_TRUE(installed.ok()) << installed.error().Describe();
  return blob->header();
}

std::string ProgramTest::Digest(std::uint64_t number) {
  std::string digest(32, '\x5a');
  for (std::size_t i = 0; i < sizeof number; ++i) digest[i] = static_cast<char>(number >> (8 * i));
  return digest;
}

void ProgramTest::ExpectSigned(const v1::KeyHeader& key, v1::Scheme scheme,
                               const std::string& digest, const std::string& signature) {
  const auto public_key = crypto::PublicKey::FromDer(AsBytes(key.public_key_der()));
  ASSERT_TRUE(public_key.ok());
  const Status verified = public_key->Verify(scheme, AsBytes(digest), AsBytes(signature));
  EXPECT_TRUE(verified.ok()) << verified.error().Describe();
}

test::CoreEnd EndOf(const test::CoreArguments& arguments, std::string* log) {
  test::CoreProgram core(arguments);
  test::CoreClient client(core.TakeSocket());
  // Should it start after all, it ends all the same.
  client.CloseSending();
  const test::CoreEnd end = core.Wait();
  if (log != nullptr) *log = core.Log();
  return end;
}

}  // namespace twinseal::core
