// Two signing cores, each with its token: one has a domain, the other joins it.
#include <filesystem>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/crypto/public_key.h"
#include "tests/unit/firmware/core/process/program_fixture.h"

namespace twinseal::core {
namespace {

using core_protocol::CoreExit;
using testing::HasSubstr;

constexpr const char* kTranscript = "the transcript of a ceremony";

// A started core and the socket to it.
class Core {
 public:
  explicit Core(const test::CoreArguments& arguments)
      : program_(arguments), client_(program_.TakeSocket()) {}

  test::CoreClient& client() { return client_; }
  Result<v1::CoreResponse> Call(v1::CoreRequest request) {
    return client_.Call(std::move(request));
  }
  void End() {
    client_.Close();
    EXPECT_TRUE(program_.Wait().With(CoreExit::kDone)) << program_.Log();
  }

 private:
  test::CoreProgram program_;
  test::CoreClient client_;
};

v1::CoreRequest WrapRequest(const std::string& transport) {
  v1::CoreRequest request;
  request.mutable_wrap_domain()->set_transport_public_key_der(transport);
  request.mutable_wrap_domain()->set_transcript(kTranscript);
  return request;
}

v1::CoreRequest TakeRequest(const v1::WrapDomainResponse& wrapped) {
  v1::CoreRequest request;
  v1::TakeDomainRequest& take = *request.mutable_take_domain();
  take.set_wrapped_domain_kek(wrapped.wrapped_domain_kek());
  take.set_wrapped_binding_key(wrapped.wrapped_binding_key());
  take.set_holder_proof(wrapped.holder_proof());
  take.set_transcript(kTranscript);
  return request;
}

v1::CoreRequest ProveRequest(const std::string& proof) {
  v1::CoreRequest request;
  request.mutable_prove_domain()->set_transcript(kTranscript);
  request.mutable_prove_domain()->set_joiner_proof(proof);
  return request;
}

v1::CoreRequest MakeTransportKeyRequest() {
  v1::CoreRequest request;
  request.mutable_make_transport_key();
  return request;
}

v1::CoreRequest DropRequest() {
  v1::CoreRequest request;
  request.mutable_drop_domain();
  return request;
}

v1::CoreRequest SignAsIdentityRequest() {
  v1::CoreRequest request;
  request.mutable_sign_as_identity()->set_sha256(std::string(32, 'h'));
  return request;
}

v1::CoreRequest DeriveRequest() {
  v1::CoreRequest request;
  request.mutable_derive_secret()->set_purpose("ledger-seal");
  return request;
}

class PairingProgramTest : public ProgramTest {
 protected:
  // A token of its own in the same SoftHSM, and a folder of its own.
  test::CoreArguments JoinerArguments() const {
    test::CoreArguments arguments = Arguments();
    arguments.token = "joiner";
    arguments.data_dir = joiner_data_.path();
    return arguments;
  }

  Core StartJoinersSetUp() {
    test::CoreArguments arguments = JoinerArguments();
    arguments.more.push_back("--initialize");
    return Core(arguments);
  }

  // Answers with its identity key.
  std::string SetJoinerUp() {
    test::CoreArguments arguments = JoinerArguments();
    arguments.so_pin = "security-officer";
    arguments.more.push_back("--initialize");
    Core core(arguments);
    v1::CoreRequest request;
    request.mutable_initialize()->set_site("b");
    request.mutable_initialize()->set_join(true);
    const auto response = core.Call(std::move(request));
    EXPECT_TRUE(response.ok()) << response.error().Describe();
    core.End();
    return response.ok() ? response->initialize().identity_public_key_der() : "";
  }

  test::TempFolder joiner_data_;
};

TEST_F(PairingProgramTest, TheHoldersKeysSignAtTheJoiner) {
  SetTokenUp();
  Start();
  (void)SetJoinerUp();
  {
    Core joiner = StartJoinersSetUp();
    const auto transport = joiner.Call(MakeTransportKeyRequest());
    ASSERT_TRUE(transport.ok()) << transport.error().Describe();
    const auto wrapped =
        client_->Call(WrapRequest(transport->make_transport_key().public_key_der()));
    ASSERT_TRUE(wrapped.ok()) << wrapped.error().Describe();
    const auto taken = joiner.Call(TakeRequest(wrapped->wrap_domain()));
    ASSERT_TRUE(taken.ok()) << taken.error().Describe();
    const auto proved = client_->Call(ProveRequest(taken->take_domain().joiner_proof()));
    ASSERT_TRUE(proved.ok()) << proved.error().Describe();
    EXPECT_TRUE(proved->has_done());
    const auto refused = client_->Call(ProveRequest(std::string(32, 'p')));
    EXPECT_EQ(refused.error().code(), Code::kDataLoss);
    joiner.End();
  }
  {
    // Asked again after the core was started anew.
    Core joiner = StartJoinersSetUp();
    EXPECT_EQ(joiner.Call(MakeTransportKeyRequest()).error().code(), Code::kFailedPrecondition);
    joiner.End();
  }

  v1::KeyHeader header = test::NewKeyHeader(v1::EC_P256);
  const auto key = client_->Generate(header);
  ASSERT_TRUE(key.ok()) << key.error().Describe();
  Core joiner(JoinerArguments());
  ASSERT_TRUE(joiner.client().Install(*key).ok());
  const auto signature = joiner.Call(
      test::SignRequestFor(key->header(), v1::ECDSA_SHA256, {Digest(1)}, "application/test"));
  ASSERT_TRUE(signature.ok()) << signature.error().Describe();
  ExpectSigned(key->header(), v1::ECDSA_SHA256, Digest(1), signature->sign().signatures(0));

  const auto here = client_->Call(DeriveRequest());
  const auto there = joiner.Call(DeriveRequest());
  ASSERT_TRUE(here.ok());
  ASSERT_TRUE(there.ok());
  EXPECT_EQ(here->derive_secret().secret().size(), 32U);
  EXPECT_EQ(here->derive_secret().secret(), there->derive_secret().secret());
  joiner.End();
}

TEST_F(PairingProgramTest, TakingADomainSurvivesAKillAtAnyStep) {
  token_.Interpose();
  SetTokenUp();
  Start();
  (void)SetJoinerUp();
  // Two keys are unwrapped to be looked at, and two to be kept; then the transport key's two halves
  // are destroyed, after the objects that were looked at.
  for (const char* const crash :
       {"C_UnwrapKey crash after 1", "C_UnwrapKey crash after 2", "C_UnwrapKey crash after 3",
        "C_DestroyObject crash after 2", "C_DestroyObject crash after 3"}) {
    SCOPED_TRACE(crash);
    std::string transport;
    {
      Core joiner = StartJoinersSetUp();
      ASSERT_TRUE(joiner.Call(DropRequest()).ok());
      const auto made = joiner.Call(MakeTransportKeyRequest());
      ASSERT_TRUE(made.ok()) << made.error().Describe();
      transport = made->make_transport_key().public_key_der();
      joiner.End();
    }
    const auto wrapped = client_->Call(WrapRequest(transport));
    ASSERT_TRUE(wrapped.ok()) << wrapped.error().Describe();
    token_.Script(std::string(crash) + "\n");
    EXPECT_FALSE(StartJoinersSetUp().Call(TakeRequest(wrapped->wrap_domain())).ok());
    token_.Script("");
    Core joiner = StartJoinersSetUp();
    const auto taken = joiner.Call(TakeRequest(wrapped->wrap_domain()));
    ASSERT_TRUE(taken.ok()) << taken.error().Describe();
    EXPECT_TRUE(client_->Call(ProveRequest(taken->take_domain().joiner_proof())).ok());
    joiner.End();
  }
}

TEST_F(PairingProgramTest, DroppingADomainSurvivesAKillAtAnyStep) {
  token_.Interpose();
  SetTokenUp();
  test::CoreArguments arguments = Arguments();
  arguments.more.push_back("--initialize");
  // Before the binding key is destroyed, the domain KEK, the site KEK, and before the new one is
  // made.
  for (const char* const crash : {"C_DestroyObject crash", "C_DestroyObject crash after 1",
                                  "C_DestroyObject crash after 1", "C_GenerateKey crash"}) {
    SCOPED_TRACE(crash);
    token_.Script(std::string(crash) + "\n");
    EXPECT_FALSE(Core(arguments).Call(DropRequest()).ok());
    token_.Script("");
  }
  Core core(arguments);
  ASSERT_TRUE(core.Call(DropRequest()).ok());
  EXPECT_TRUE(core.Call(MakeTransportKeyRequest()).ok());
  core.End();
}

TEST_F(PairingProgramTest, ADomainThatIsDroppedLeavesAnEmptyVault) {
  SetTokenUp();
  Start();
  (void)MakeKey();
  client_->Close();
  ASSERT_TRUE(core_->Wait().With(CoreExit::kDone));
  const std::filesystem::path vault = data_.path() / "vault";
  ASSERT_TRUE(std::filesystem::exists(vault / "vault.db"));

  test::CoreArguments arguments = Arguments();
  arguments.more.push_back("--initialize");
  Core core(arguments);
  for (int i = 0; i < 2; ++i) {
    const auto dropped = core.Call(DropRequest());
    ASSERT_TRUE(dropped.ok()) << dropped.error().Describe();
    EXPECT_TRUE(dropped->has_done());
  }
  EXPECT_FALSE(std::filesystem::exists(vault / "vault.db"));
  EXPECT_TRUE(core.Call(MakeTransportKeyRequest()).ok());
  core.End();
}

TEST_F(PairingProgramTest, AnApplianceThatIsToJoinDoesNotServe) {
  (void)SetJoinerUp();
  std::string log;
  EXPECT_TRUE(EndOf(JoinerArguments(), &log).With(CoreExit::kNotSetUp));
  EXPECT_THAT(log, HasSubstr("`twinseal pair create`"));
}

TEST_F(PairingProgramTest, EitherCoreSignsAsTheAppliance) {
  const std::string joiners_key = SetJoinerUp();
  SetTokenUp();
  Start();
  const auto expect_signed = [](const Result<v1::CoreResponse>& response) {
    ASSERT_TRUE(response.ok()) << response.error().Describe();
    const v1::SignAsIdentityResponse& made = response->sign_as_identity();
    const auto key = crypto::PublicKey::FromDer(AsBytes(made.identity_public_key_der()));
    ASSERT_TRUE(key.ok());
    EXPECT_TRUE(
        key->Verify(v1::ECDSA_SHA256, Bytes(32, std::uint8_t{'h'}), AsBytes(made.signature()))
            .ok());
  };
  expect_signed(client_->Call(SignAsIdentityRequest()));
  Core joiner = StartJoinersSetUp();
  const auto as_joiner = joiner.Call(SignAsIdentityRequest());
  expect_signed(as_joiner);
  EXPECT_EQ(as_joiner->sign_as_identity().identity_public_key_der(), joiners_key);
  joiner.End();
}

TEST_F(PairingProgramTest, EachKindOfCoreRefusesWhatIsTheOthers) {
  (void)SetJoinerUp();
  SetTokenUp();
  Start();
  for (const v1::CoreRequest& request :
       {MakeTransportKeyRequest(), TakeRequest({}), DropRequest()}) {
    const auto refused = client_->Call(request);
    EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
    EXPECT_THAT(refused.error().message(), HasSubstr("--initialize"));
  }
  Core joiner = StartJoinersSetUp();
  for (const v1::CoreRequest& request : {WrapRequest(""), ProveRequest(""), DeriveRequest()}) {
    const auto refused = joiner.Call(request);
    EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
    EXPECT_THAT(refused.error().message(), HasSubstr("to set a token up"));
  }
  joiner.End();
}

}  // namespace
}  // namespace twinseal::core
