#include <gmock/gmock.h>

#include "common/crypto/digest.h"
#include "common/crypto/public_key.h"
#include "firmware/service/handlers/signing_handlers.h"
#include "firmware/service/keys/transitions.h"
#include "tests/unit/firmware/service/service_fixture.h"

namespace twinseal::service {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SigningTest : public ServiceFixture {
 protected:
  Result<v1::SignResponse> Sign(const policy::Principal& who, v1::SignRequest request) {
    return Ask<v1::SignResponse>(
        [&](auto respond) { handlers.Sign(Calling(who, std::move(request)), respond); });
  }
  Result<v1::SignResponse> Sign(const std::string& key, const std::string& hash) {
    return Sign(alice, Request(key, hash));
  }
  Result<v1::SignBatchResponse> SignBatch(v1::SignBatchRequest request) {
    return Ask<v1::SignBatchResponse>(
        [&](auto respond) { handlers.SignBatch(Calling(alice, request), respond); });
  }
  static v1::SignRequest Request(const std::string& key, const std::string& hash) {
    v1::SignRequest request;
    request.set_key(key);
    request.set_digest(hash);
    return request;
  }

  const policy::Principal alice = Who(v1::OPERATOR, "alice");
  const std::string digest = std::string(32, 'd');
  Signer::MaySign may_sign;  // Null: it may.
  Signer signer{directory,
                core,
                pool,
                [this](const KeyId& key, Deadline until) { return store.Deliver(key, until); },
                [this](const v1::Key& key) { return may_sign ? may_sign(key) : Ok(); },
                site};
  SigningHandlers handlers{gate, signer};
};

TEST_F(SigningTest, AnIsolatedSiteDoesNotSayThatAKeyDoesNotExist) {
  EXPECT_EQ(Sign("absent", digest).error().code(), Code::kNotFound);
  may_sign = [](const v1::Key& key) {
    EXPECT_EQ(key.policy().isolation(), v1::STOP);
    return Error(Code::kUnavailable, "isolated: " + key.name());
  };
  const Error refused = Sign("absent", digest).error();
  EXPECT_EQ(refused.code(), Code::kUnavailable);
  EXPECT_EQ(refused.message(), "isolated: absent");
  EXPECT_EQ(Sign("no name!", digest).error().code(), Code::kInvalidArgument);
}

TEST_F(SigningTest, SignsWithTheUsualScheme) {
  const v1::Key key = MakeKey("k");
  const Result<v1::SignResponse> signature = Sign("k", digest);
  ASSERT_TRUE(signature.ok()) << signature.error().Describe();
  EXPECT_EQ(signature->key_id(), key.key_id());
  EXPECT_EQ(signature->version(), 1U);
  EXPECT_EQ(signature->scheme(), v1::ECDSA_SHA256);
  const auto public_key = crypto::PublicKey::FromDer(AsBytes(key.versions(0).public_key_der()));
  EXPECT_TRUE(
      public_key->Verify(v1::ECDSA_SHA256, AsBytes(digest), AsBytes(signature->signature())).ok());
  EXPECT_TRUE(Sign(key.key_id(), digest).ok());
}

TEST_F(SigningTest, IsRecordedBeforeItIsAnswered) {
  const v1::Key key = MakeKey("k");
  ASSERT_TRUE(Sign("k", digest).ok());
  const std::vector<v1::AuditRecord> records = Records();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].operation(), "SigningService/Sign");
  EXPECT_EQ(records[0].caller_role(), "operator");
  EXPECT_EQ(records[0].caller_name(), "alice");
  EXPECT_EQ(records[0].key_id(), key.key_id());
  EXPECT_EQ(records[0].key_name(), "k");
  EXPECT_EQ(records[0].key_version(), 1U);
  EXPECT_EQ(records[0].scheme(), "ecdsa-sha256");
  EXPECT_THAT(records[0].digests(), ElementsAre(digest));
  EXPECT_EQ(records[0].outcome(), "ok");
}

TEST_F(SigningTest, IsNotAnsweredWhenItCannotBeRecorded) {
  MakeKey("k");
  audit->Stop();
  const Result<v1::SignResponse> signature = Sign("k", digest);
  ASSERT_FALSE(signature.ok());
  EXPECT_EQ(signature.error().code(), Code::kUnavailable);
  EXPECT_THAT(signature.error().message(), HasSubstr("audit log"));
}

TEST_F(SigningTest, RefusesWhatDoesNotFitAndRecordsIt) {
  MakeKey("k");
  struct Case {
    v1::SignRequest request;
    Code code;
    std::string says;
  };
  std::vector<Case> cases;
  cases.push_back({Request("k", std::string(31, 'd')), Code::kInvalidArgument, "digest"});
  cases.push_back({Request("k", ""), Code::kInvalidArgument, "digest"});
  cases.push_back({Request("absent", digest), Code::kNotFound, "absent"});
  cases.push_back({Request("", digest), Code::kInvalidArgument, "key"});
  cases.push_back({Request("../k", digest), Code::kInvalidArgument, "key"});
  cases.push_back({Request(std::string(10'000, 'k'), digest), Code::kInvalidArgument, "key"});
  cases.push_back({Request("k", digest), Code::kInvalidArgument, "scheme"});
  cases.back().request.set_scheme(v1::RSA_PSS_SHA256);
  cases.push_back({Request("k", digest), Code::kInvalidArgument, "scheme"});
  cases.back().request.set_scheme(static_cast<v1::Scheme>(99));
  for (const Case& one : cases) {
    const Result<v1::SignResponse> refused = Sign(alice, one.request);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code(), one.code) << refused.error().Describe();
    EXPECT_THAT(refused.error().message(), HasSubstr(one.says));
  }
  const std::vector<v1::AuditRecord> records = Records();
  ASSERT_EQ(records.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i)
    EXPECT_EQ(records[i].outcome(), CodeName(cases[i].code));
}

TEST_F(SigningTest, AnApplicationCannotTellAKeyThatIsNotItsFromOneThatIsNotThere) {
  v1::KeyPolicy policy;
  policy.add_applications("builder");
  MakeKey("mine", v1::EC_P256, policy);
  MakeKey("others");
  const policy::Principal builder = Who(v1::APPLICATION, "builder");
  EXPECT_TRUE(Sign(builder, Request("mine", digest)).ok());
  const Result<v1::SignResponse> others = Sign(builder, Request("others", digest));
  const Result<v1::SignResponse> absent = Sign(builder, Request("absent", digest));
  const Result<v1::SignResponse> reserved = Sign(builder, Request("twinseal.operator-ca", digest));
  for (const auto* refused : {&others, &absent, &reserved}) {
    ASSERT_FALSE(refused->ok());
    EXPECT_EQ(refused->error().code(), Code::kPermissionDenied);
    EXPECT_EQ(refused->error().message(), others.error().message());
  }
  EXPECT_EQ(Sign(Who(v1::AUDITOR, "eve"), Request("mine", digest)).error().code(),
            Code::kPermissionDenied);
}

TEST_F(SigningTest, NobodySignsWithTheAppliancesOwnKeys) {
  MakeKey("twinseal.operator-ca");
  EXPECT_EQ(Sign("twinseal.operator-ca", digest).error().code(), Code::kPermissionDenied);
}

TEST_F(SigningTest, ADisabledKeyDoesNotSign) {
  const v1::Key key = MakeKey("k");
  const auto allowed = *policy::MakeAuthorizedKey<policy::KeyAction::kChange>(alice, key, site);
  const Mutation mutation = {"test", RequestId::Random(), {}, "test", Soon()};
  ASSERT_TRUE(store.Change(mutation, allowed, Disable).ok());
  const Result<v1::SignResponse> refused = Sign("k", digest);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(refused.error().message(), HasSubstr("disabled"));
}

TEST_F(SigningTest, DoesNotSignWithoutTheSitesLeave) {
  MakeKey("k");
  MakeKey("other");
  may_sign = [](const v1::Key& key) -> Status {
    if (key.name() == "other") return Ok();
    return Error(Code::kUnavailable, "ask another site");
  };
  const Result<v1::SignResponse> refused = Sign("k", digest);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kUnavailable);
  EXPECT_EQ(refused.error().message(), "ask another site");
  EXPECT_EQ(Records().back().outcome(), "unavailable");
  EXPECT_TRUE(Sign("other", digest).ok());
}

TEST_F(SigningTest, SignsWithTheVersionThatWasAskedForOrNotAtAll) {
  MakeKey("k");
  v1::SignRequest request = Request("k", digest);
  request.set_version(1);
  EXPECT_TRUE(Sign(alice, request).ok());
  request.set_version(2);
  const Error refused = Sign(alice, request).error();
  EXPECT_EQ(refused.code(), Code::kFailedPrecondition);
  EXPECT_EQ(refused.message(), "version 2 of the key 'k' does not sign; its current version is 1");
}

TEST_F(SigningTest, KeepsToThePolicysSchemes) {
  v1::KeyPolicy policy;
  policy.add_schemes(v1::RSA_PSS_SHA256);
  MakeKey("k", v1::RSA_2048, policy);
  v1::SignRequest request = Request("k", digest);
  EXPECT_EQ(Sign(alice, request).error().code(), Code::kPermissionDenied);
  request.set_scheme(v1::RSA_PSS_SHA256);
  EXPECT_TRUE(Sign(alice, request).ok());
}

TEST_F(SigningTest, GoesByThePolicyAtThisSiteAndSaysWhereElse) {
  v1::KeyPolicy policy;
  policy.add_applications("builder");
  v1::SitePolicy& here = *policy.add_at_sites();
  here.set_site("a");
  here.mutable_applications()->add_names("nightly");
  here.mutable_schemes()->add_schemes(v1::RSA_PSS_SHA256);
  MakeKey("k", v1::RSA_2048, policy);
  const policy::Principal nightly = Who(v1::APPLICATION, "nightly");
  v1::SignRequest request = Request("k", digest);
  request.set_scheme(v1::RSA_PSS_SHA256);
  EXPECT_TRUE(Sign(nightly, request).ok());

  const Error builder = Sign(Who(v1::APPLICATION, "builder"), request).error();
  EXPECT_EQ(builder.code(), Code::kPermissionDenied);
  EXPECT_THAT(builder.message(), HasSubstr("at this site, 'a'"));
  EXPECT_THAT(builder.message(), HasSubstr("names the application at every site but a;"));
  EXPECT_EQ(Records().back().outcome(), "permission_denied");

  request.set_scheme(v1::RSA_PKCS1_SHA256);
  const Error scheme = Sign(nightly, request).error();
  EXPECT_EQ(scheme.code(), Code::kPermissionDenied);
  EXPECT_EQ(scheme.message(),
            "the policy of the key 'k' does not allow the scheme rsa-pkcs1-sha256 at this site, "
            "'a', but at every site but a; ask there, or choose another scheme");
}

TEST_F(SigningTest, TellsACoreThatForgotTheKeyAndAsksAgain) {
  const v1::Key key = MakeKey("k");
  vault->Forget(key.key_id());
  const std::uint64_t installs = vault->installs();
  EXPECT_TRUE(Sign("k", digest).ok());
  EXPECT_EQ(vault->installs(), installs + 1);
}

TEST_F(SigningTest, AsksTheCoreOnlyTwice) {
  MakeKey("k");
  int asked = 0;
  vault->SetFault([&](const v1::CoreRequest& request) -> std::optional<Error> {
    if (!request.has_sign()) return std::nullopt;
    ++asked;
    return Error(Code::kAborted, "never heard of it");
  });
  EXPECT_EQ(Sign("k", digest).error().code(), Code::kAborted);
  EXPECT_EQ(asked, 2);
}

TEST_F(SigningTest, PassesOnWhatTheCoreSays) {
  MakeKey("k");
  for (const Code code :
       {Code::kUnavailable, Code::kResourceExhausted, Code::kDeadlineExceeded, Code::kDataLoss}) {
    vault->SetFault([code](const v1::CoreRequest&) { return Error(code, "injected"); });
    EXPECT_EQ(Sign("k", digest).error().code(), code);
    EXPECT_EQ(Records().back().outcome(), CodeName(code));
  }
}

TEST_F(SigningTest, ABatchIsOneOperation) {
  const v1::Key key = MakeKey("k");
  v1::SignBatchRequest request;
  request.set_key("k");
  for (int i = 0; i < 64; ++i) request.add_digests(std::string(32, static_cast<char>(i)));
  const Result<v1::SignBatchResponse> signatures = SignBatch(request);
  ASSERT_TRUE(signatures.ok());
  ASSERT_EQ(signatures->signatures_size(), 64);
  const auto public_key = crypto::PublicKey::FromDer(AsBytes(key.versions(0).public_key_der()));
  for (int i = 0; i < 64; ++i) {
    EXPECT_TRUE(public_key
                    ->Verify(v1::ECDSA_SHA256, AsBytes(request.digests(i)),
                             AsBytes(signatures->signatures(i)))
                    .ok());
  }
  ASSERT_EQ(Records().size(), 1U);
  EXPECT_EQ(Records()[0].digests_size(), 64);
}

TEST_F(SigningTest, RefusesABatchThatIsEmptyTooLongOrPartlyWrong) {
  MakeKey("k");
  v1::SignBatchRequest request;
  request.set_key("k");
  EXPECT_THAT(SignBatch(request).error().message(), HasSubstr("digests"));
  request.add_digests(digest);
  request.add_digests("short");
  EXPECT_THAT(SignBatch(request).error().message(), HasSubstr("digests[1]"));
  request.clear_digests();
  for (int i = 0; i <= kMaxBatch; ++i) request.add_digests(digest);
  EXPECT_EQ(SignBatch(request).error().code(), Code::kInvalidArgument);
}

TEST_F(SigningTest, AMessageThatIsSignedWholeIsRecordedByItsDigest) {
  v1::CreateKeyRequest create;
  create.set_name("e");
  create.set_algorithm(v1::ED25519);
  create.set_storage(v1::TOKEN);
  const Mutation mutation = {"test", RequestId::Random(), {}, "test", Soon()};
  ASSERT_TRUE(store.Create(mutation, create).ok());
  const std::string message(10'000, 'm');
  (void)Sign("e", message);
  const crypto::Sha256Digest sha = crypto::Sha256(AsBytes(message));
  EXPECT_THAT(Records().back().digests(), ElementsAre(ToString(sha)));
}

TEST_F(SigningTest, ACallerHasABoundedNumberOfRequestsUnderWay) {
  MakeKey("k");
  std::promise<void> go;
  std::shared_future<void> wait = go.get_future().share();
  // The fake answers inside the call, so each request here holds the thread that makes it.
  vault->SetFault([wait](const v1::CoreRequest& request) -> std::optional<Error> {
    if (request.has_sign()) wait.wait();
    return std::nullopt;
  });
  std::vector<std::thread> callers;
  std::atomic<int> done = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      EXPECT_TRUE(Sign("k", digest).ok());
      ++done;
    });
  }
  while (in_flight.count() < 4) std::this_thread::yield();
  const Result<v1::SignResponse> refused = Sign("k", digest);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::kResourceExhausted);
  EXPECT_EQ(Sign(Who(v1::AUDITOR, "eve"), Request("k", digest)).error().code(),
            Code::kPermissionDenied);
  go.set_value();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(done, 4);
  EXPECT_TRUE(Sign("k", digest).ok());
}

TEST_F(SigningTest, WhatCannotBeReadIsRefusedAndRecorded) {
  const Result<v1::SignResponse> refused = Ask<v1::SignResponse>([&](auto respond) {
    handlers.Sign({alice, Soon(), Error(Code::kInvalidArgument, "there is no field 'colour'")},
                  respond);
  });
  EXPECT_EQ(refused.error().code(), Code::kInvalidArgument);
  ASSERT_EQ(Records().size(), 1U);
  EXPECT_EQ(Records()[0].outcome(), "invalid_argument");
  EXPECT_THAT(Records()[0].detail(), HasSubstr("colour"));
}

}  // namespace
}  // namespace twinseal::service
