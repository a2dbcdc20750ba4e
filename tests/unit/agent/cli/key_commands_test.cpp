#include "tests/unit/agent/cli/cli_fixture.h"

namespace twinseal::cli {
namespace {

using ::testing::ElementsAre;

class KeyCommands : public CliTest {
 protected:
  KeyCommands() {
    const auto answer = [this](const auto&) -> Result<v1::Key> { return key; };
    appliances.On<v1::CreateKeyRequest, v1::Key>("KeyService/CreateKey", answer);
    appliances.On<v1::GetKeyRequest, v1::Key>("KeyService/GetKey", answer);
    for (const char* change :
         {"RotateKey", "EnableKey", "DisableKey", "CancelKeyDestruction", "DestroyKey"}) {
      appliances.On<v1::ChangeKeyRequest, v1::Key>(std::string("KeyService/") + change, answer);
    }
    appliances.On<v1::ScheduleKeyDestructionRequest, v1::Key>("KeyService/ScheduleKeyDestruction",
                                                              answer);
    appliances.On<v1::SetKeyPolicyRequest, v1::Key>(
        "KeyService/SetKeyPolicy",
        [this](const v1::SetKeyPolicyRequest& request) -> Result<v1::Key> {
          v1::Key changed = key;
          *changed.mutable_policy() = request.policy();
          return changed;
        });
  }

  v1::Key key = ReleaseKey();
};

TEST_F(KeyCommands, CreateSendsWhatWasSaid) {
  const Outcome outcome = Twinseal({"key", "create", "release", "--algorithm", "ec-p256"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Made key release: ec-p256, version 1, id 00112233445566778899aabbccddeeff.\n");
  EXPECT_EQ(outcome.err, "");
  const auto request = appliances.Last<v1::CreateKeyRequest>("KeyService/CreateKey");
  EXPECT_EQ(request.name(), "release");
  EXPECT_EQ(request.algorithm(), v1::EC_P256);
  EXPECT_EQ(request.storage(), v1::VAULT);
  EXPECT_EQ(request.policy().SerializeAsString(), "");
  EXPECT_TRUE(RequestId::Parse(request.request_id()).ok());
}

TEST_F(KeyCommands, CreateSendsTheWholePolicy) {
  const Outcome outcome = Twinseal({"key",
                                    "create",
                                    "release",
                                    "--algorithm",
                                    "rsa-3072",
                                    "--storage",
                                    "token",
                                    "--application",
                                    "builder",
                                    "--application",
                                    "nightly",
                                    "--scheme",
                                    "rsa-pss-sha256",
                                    "--max-signatures-per-activation",
                                    "16",
                                    "--isolation",
                                    "stop",
                                    "--isolation-seconds",
                                    "60",
                                    "--min-destruction-wait",
                                    "12h",
                                    "--site",
                                    "a",
                                    "--site",
                                    "b",
                                    "--request-id",
                                    "first-try-1"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  const auto request = appliances.Last<v1::CreateKeyRequest>("KeyService/CreateKey");
  EXPECT_EQ(request.algorithm(), v1::RSA_3072);
  EXPECT_EQ(request.storage(), v1::TOKEN);
  EXPECT_EQ(request.request_id(), "first-try-1");
  const v1::KeyPolicy& policy = request.policy();
  EXPECT_THAT(policy.applications(), ElementsAre("builder", "nightly"));
  EXPECT_THAT(policy.schemes(), ElementsAre(v1::RSA_PSS_SHA256));
  EXPECT_THAT(policy.sites(), ElementsAre("a", "b"));
  EXPECT_EQ(policy.max_signatures_per_activation(), 16U);
  EXPECT_EQ(policy.isolation(), v1::STOP);
  EXPECT_EQ(policy.isolation_seconds(), 60U);
  EXPECT_EQ(policy.min_destruction_wait_seconds(), 12U * 3600);
}

TEST_F(KeyCommands, EachRequestHasAnIdOfItsOwn) {
  Twinseal({"key", "create", "release", "--algorithm", "ec-p256"});
  const auto first = appliances.Last<v1::CreateKeyRequest>("KeyService/CreateKey").request_id();
  Twinseal({"key", "create", "release", "--algorithm", "ec-p256"});
  EXPECT_NE(appliances.Last<v1::CreateKeyRequest>("KeyService/CreateKey").request_id(), first);
}

TEST_F(KeyCommands, WrongUsageIsToldAndNothingIsAsked) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"key", "create", "release"},
       "twinseal: key create: --algorithm is required; see `twinseal key create --help`\n"},
      {{"key", "create", "--algorithm", "ec-p256"},
       "twinseal: key create: NAME is required; see `twinseal key create --help`\n"},
      {{"key", "show", ""}, "twinseal: key show: NAME: is empty; see `twinseal key show --help`\n"},
      {{"key"}, "twinseal: key: A subcommand is required; see `twinseal key --help`\n"},
      {{"key", "destroy", "release", "--wait", "30"},
       "twinseal: key destroy: --wait: '30' is no length of time; write 30d, 12h, 90m, 45s or 2w, "
       "at most 100 years; see "
       "`twinseal key destroy --help`\n"},
      {{"key", "destroy", "release", "--wait", "30d", "--now"},
       "twinseal: key destroy: --wait excludes --now; see `twinseal key destroy --help`\n"},
      {{"key", "policy", "set", "release"},
       "twinseal: key policy set: at least one change, as --application NAME, is required; see "
       "`twinseal key policy set "
       "--help`\n"},
      {{"key", "policy", "set", "release", "--application-at", "builder"},
       "twinseal: key policy set: --application-at: 'builder' is not SITE=NAME; see `twinseal key "
       "policy set --help`\n"},
      {{"key", "policy", "set", "release", "--max-signatures-per-activation-at", "b=0"},
       "twinseal: key policy set: --max-signatures-per-activation-at: '0' is no number from 1 on; "
       "see `twinseal key policy set --help`\n"},
      {{"key", "policy", "set", "release", "--application-at", "b=x", "--no-application-at", "b"},
       "twinseal: key policy set: --no-application-at: excludes --application-at for the same "
       "site, b; see `twinseal key policy set --help`\n"},
      {{"key", "create", "release", "--algorithm", "ec-p256", "--isolation-at", "b=stop",
        "--isolation-at", "b=continue"},
       "twinseal: key create: --isolation-at: there is more than one value for site b; see "
       "`twinseal key create --help`\n"},
      {{"key", "create", "release", "--algorithm", "ec-p256", "--storage", "disk"},
       "twinseal: key create: --storage: 'disk' is no storage; there are vault, token; see "
       "`twinseal key create --help`\n"},
      {{"key", "list", "--output", "xml"},
       "twinseal: key list: --output: there are table and json; see `twinseal key list --help`\n"}};
  for (const auto& [arguments, message] : cases) {
    const Outcome outcome = Twinseal(arguments);
    EXPECT_EQ(outcome.status, ExitStatus::kWrongUsage);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, message);
  }
  EXPECT_TRUE(appliances.calls().empty());
}

TEST_F(KeyCommands, AnUnknownAlgorithmIsRefusedWithTheNamesThereAre) {
  const Outcome outcome = Twinseal({"key", "create", "release", "--algorithm", "ec-p999"});
  EXPECT_EQ(outcome.status, ExitStatus::kWrongUsage);
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("ec-p999"));
  EXPECT_THAT(outcome.err, ::testing::HasSubstr("rsa-2048"));
}

TEST_F(KeyCommands, ShowPrintsEverything) {
  key.set_current_version(2);
  key.add_versions()->CopyFrom(key.versions(0));
  key.mutable_versions(1)->set_version(2);
  key.mutable_policy()->add_applications("builder");
  const Outcome outcome = Twinseal({"key", "show", "release"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Name:                          release\n"
            "Id:                            00112233445566778899aabbccddeeff\n"
            "Algorithm:                     ec-p256\n"
            "Storage:                       vault\n"
            "State:                         enabled\n"
            "Version:                       2 (1 only verifies)\n"
            "Created:                       2026-11-21 04:05:06Z\n"
            "Revision:                      1\n"
            "Applications:                  builder\n"
            "Schemes:                       each that fits\n"
            "Sites:                         all\n"
            "Signatures per activation:     1\n"
            "When isolated:                 continue for 1d\n"
            "Least wait before destruction: 7d\n"
            "\n"
            "VERSION  CREATED               PUBLIC KEY (SHA-256)\n"
            "1        2026-11-21 04:05:06Z  "
            "edfc089719c0a061bec08afad3dead4480add63a9677c13cdb5bba1779160d0f\n"
            "2        2026-11-21 04:05:06Z  "
            "edfc089719c0a061bec08afad3dead4480add63a9677c13cdb5bba1779160d0f\n");
}

TEST_F(KeyCommands, ShowPrintsTheContractAsJson) {
  key.mutable_policy()->add_applications("builder");
  key.mutable_policy()->add_schemes(v1::ECDSA_SHA256);
  const Outcome outcome = Twinseal({"key", "show", "release", "--output", "json"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, R"({
  "keyId": "00112233445566778899aabbccddeeff",
  "name": "release",
  "algorithm": "ec-p256",
  "storage": "vault",
  "state": "enabled",
  "currentVersion": 1,
  "versions": [
    {
      "version": 1,
      "publicKeyDer": "bm90IGEga2V5",
      "createdUnixMs": "1795233906789"
    }
  ],
  "policy": {
    "applications": [
      "builder"
    ],
    "schemes": [
      "ecdsa-sha256"
    ],
    "maxSignaturesPerActivation": 0,
    "isolation": "unspecified",
    "isolationSeconds": 0,
    "sites": [],
    "atSites": []
  },
  "revision": "1",
  "createdUnixMs": "1795233906789",
  "destructionUnixMs": "0",
  "uninformedSites": []
}
)");
}

TEST_F(KeyCommands, ListFollowsThePages) {
  appliances.On<v1::ListKeysRequest, v1::ListKeysResponse>(
      "KeyService/ListKeys",
      [this](const v1::ListKeysRequest& request) -> Result<v1::ListKeysResponse> {
        v1::ListKeysResponse response;
        v1::Key& one = *response.add_keys();
        one = key;
        one.clear_versions();
        if (request.page_token().empty()) {
          response.set_next_page_token("more");
        } else {
          one.set_name("a-much-longer-name");
          one.set_algorithm(v1::RSA_2048);
          one.set_state(v1::PENDING_DESTRUCTION);
          one.set_current_version(12);
        }
        return response;
      });
  const Outcome table = Twinseal({"key", "list"});
  EXPECT_EQ(table.status, ExitStatus::kDone) << table.err;
  EXPECT_EQ(
      table.out,
      "NAME                ALGORITHM  STORAGE  STATE                VERSION  CREATED\n"
      "release             ec-p256    vault    enabled              1        2026-11-21 04:05:06Z\n"
      "a-much-longer-name  rsa-2048   vault    pending-destruction  12       2026-11-21 "
      "04:05:06Z\n");
  EXPECT_FALSE(appliances.Last<v1::ListKeysRequest>("KeyService/ListKeys").include_destroyed());

  const Outcome names = Twinseal({"key", "list", "--names", "--all"});
  EXPECT_EQ(names.out, "release\na-much-longer-name\n");
  EXPECT_TRUE(appliances.Last<v1::ListKeysRequest>("KeyService/ListKeys").include_destroyed());
}

TEST_F(KeyCommands, AListOfNothingHasItsHeadingsAndAnEmptyArray) {
  appliances.On<v1::ListKeysRequest, v1::ListKeysResponse>(
      "KeyService/ListKeys", [](const v1::ListKeysRequest&) -> Result<v1::ListKeysResponse> {
        return v1::ListKeysResponse();
      });
  EXPECT_EQ(Twinseal({"key", "list"}).out, "NAME  ALGORITHM  STORAGE  STATE  VERSION  CREATED\n");
  EXPECT_EQ(Twinseal({"key", "list", "--output", "json"}).out, "{\n  \"keys\": []\n}\n");
}

TEST_F(KeyCommands, AListThatNeverEndsIsRefused) {
  appliances.On<v1::ListKeysRequest, v1::ListKeysResponse>(
      "KeyService/ListKeys", [](const v1::ListKeysRequest&) -> Result<v1::ListKeysResponse> {
        v1::ListKeysResponse response;
        response.set_next_page_token("again");
        return response;
      });
  const Outcome outcome = Twinseal({"key", "list"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err,
            "twinseal: listing keys: the appliance gave the same page twice; report it\n");
}

TEST_F(KeyCommands, PublicPrintsPemOrWritesIt) {
  appliances.On<v1::GetPublicKeyRequest, v1::GetPublicKeyResponse>(
      "KeyService/GetPublicKey",
      [](const v1::GetPublicKeyRequest& request) -> Result<v1::GetPublicKeyResponse> {
        v1::GetPublicKeyResponse response;
        response.set_key_id("00112233445566778899aabbccddeeff");
        response.set_version(request.version() == 0 ? 3 : request.version());
        response.set_algorithm(v1::EC_P256);
        response.set_public_key_pem("-----BEGIN PUBLIC KEY-----\n");
        return response;
      });
  EXPECT_EQ(Twinseal({"key", "public", "release"}).out, "-----BEGIN PUBLIC KEY-----\n");

  const Outcome written =
      Twinseal({"key", "public", "release", "--out", Path("key.pem"), "--version", "2"});
  EXPECT_EQ(written.status, ExitStatus::kDone) << written.err;
  EXPECT_EQ(written.out, "");
  EXPECT_EQ(Content("key.pem"), "-----BEGIN PUBLIC KEY-----\n");

  EXPECT_EQ(Twinseal({"key", "public", "release", "--output", "json"}).out, R"({
  "keyId": "00112233445566778899aabbccddeeff",
  "version": 3,
  "algorithm": "ec-p256",
  "publicKeyPem": "-----BEGIN PUBLIC KEY-----\n"
}
)");
}

TEST_F(KeyCommands, ChangesSayWhatTheyDid) {
  key.set_current_version(2);
  EXPECT_EQ(Twinseal({"key", "rotate", "release"}).out,
            "Rotated key release: version 2 signs from now on, older versions only verify.\n");
  EXPECT_EQ(Twinseal({"key", "enable", "release"}).out, "Key release is enabled.\n");
  key.set_state(v1::DISABLED);
  EXPECT_EQ(Twinseal({"key", "disable", "release", "--request-id", "again-12345"}).out,
            "Key release is disabled.\n");
  EXPECT_EQ(appliances.Last<v1::ChangeKeyRequest>("KeyService/DisableKey").request_id(),
            "again-12345");
  EXPECT_EQ(Twinseal({"key", "cancel-destruction", "release"}).out,
            "Key release is kept; it is disabled.\n");
}

TEST_F(KeyCommands, DestroySchedulesAndSaysHowToKeepTheKey) {
  key.set_state(v1::PENDING_DESTRUCTION);
  key.set_destruction_unix_ms(1'797'825'906'789);
  EXPECT_EQ(Twinseal({"key", "destroy", "release"}).out,
            "Key release signs no more and will be destroyed at 2026-12-21 04:05:06Z; until then "
            "`twinseal key "
            "cancel-destruction release` keeps it.\n");
  EXPECT_FALSE(
      appliances.Last<v1::ScheduleKeyDestructionRequest>("KeyService/ScheduleKeyDestruction")
          .has_wait_seconds());

  Twinseal({"key", "destroy", "release", "--wait", "0"});
  const auto request =
      appliances.Last<v1::ScheduleKeyDestructionRequest>("KeyService/ScheduleKeyDestruction");
  EXPECT_TRUE(request.has_wait_seconds());
  EXPECT_EQ(request.wait_seconds(), 0U);

  key.set_state(v1::DESTROYED);
  EXPECT_EQ(Twinseal({"key", "destroy", "release", "--now"}).out, "Key release is destroyed.\n");
}

TEST_F(KeyCommands, PolicySetKeepsWhatWasNotNamed) {
  key.mutable_policy()->add_applications("builder");
  key.mutable_policy()->add_schemes(v1::ECDSA_SHA256);
  key.mutable_policy()->set_isolation(v1::STOP);
  const Outcome outcome = Twinseal({"key", "policy", "set", "release", "--no-application",
                                    "--max-signatures-per-activation", "8"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out,
            "Applications:                  none\n"
            "Schemes:                       ecdsa-sha256\n"
            "Sites:                         all\n"
            "Signatures per activation:     8\n"
            "When isolated:                 stop\n"
            "Least wait before destruction: 7d\n");
  const auto request = appliances.Last<v1::SetKeyPolicyRequest>("KeyService/SetKeyPolicy");
  EXPECT_EQ(request.policy().applications_size(), 0);
  EXPECT_EQ(request.policy().isolation(), v1::STOP);
}

TEST_F(KeyCommands, WhatDiffersAtASiteIsSentAndShown) {
  const Outcome made = Twinseal({"key",
                                 "create",
                                 "release",
                                 "--algorithm",
                                 "rsa-3072",
                                 "--application",
                                 "builder",
                                 "--application-at",
                                 "a=builder",
                                 "--application-at",
                                 "a=nightly",
                                 "--no-application-at",
                                 "b",
                                 "--scheme-at",
                                 "a=rsa-pss-sha256",
                                 "--any-scheme-at",
                                 "b",
                                 "--max-signatures-per-activation-at",
                                 "b=16",
                                 "--isolation-at",
                                 "b=continue",
                                 "--isolation-seconds-at",
                                 "b=60"});
  EXPECT_EQ(made.status, ExitStatus::kDone) << made.err;
  const auto request = appliances.Last<v1::CreateKeyRequest>("KeyService/CreateKey");
  const v1::KeyPolicy& policy = request.policy();
  ASSERT_EQ(policy.at_sites_size(), 2);
  const v1::SitePolicy& a = policy.at_sites(0);
  EXPECT_EQ(a.site(), "a");
  EXPECT_THAT(a.applications().names(), ElementsAre("builder", "nightly"));
  EXPECT_THAT(a.schemes().schemes(), ElementsAre(v1::RSA_PSS_SHA256));
  EXPECT_EQ(a.isolation(), v1::ISOLATION_UNSPECIFIED);
  const v1::SitePolicy& b = policy.at_sites(1);
  EXPECT_EQ(b.site(), "b");
  EXPECT_TRUE(b.has_applications());
  EXPECT_EQ(b.applications().names_size(), 0);
  EXPECT_TRUE(b.has_schemes());
  EXPECT_EQ(b.schemes().schemes_size(), 0);
  EXPECT_EQ(b.max_signatures_per_activation(), 16U);
  EXPECT_EQ(b.isolation(), v1::CONTINUE);
  EXPECT_EQ(b.isolation_seconds(), 60U);

  *key.mutable_policy() = policy;
  EXPECT_EQ(Twinseal({"key", "policy", "show", "release"}).out,
            "Applications:                   builder\n"
            "Schemes:                        each that fits\n"
            "Sites:                          all\n"
            "Signatures per activation:      1\n"
            "When isolated:                  continue for 1d\n"
            "Least wait before destruction:  7d\n"
            "Applications at a:              builder, nightly\n"
            "Schemes at a:                   rsa-pss-sha256\n"
            "Applications at b:              none\n"
            "Schemes at b:                   each that fits\n"
            "Signatures per activation at b: 16\n"
            "When isolated at b:             continue for 1m\n");
}

TEST_F(KeyCommands, PolicySetKeepsWhatWasNotNamedOfASite) {
  for (const char* site : {"a", "b", "c"}) {
    v1::SitePolicy& own = *key.mutable_policy()->add_at_sites();
    own.set_site(site);
    own.mutable_applications()->add_names("builder");
    own.set_isolation(v1::CONTINUE);
    own.set_isolation_seconds(60);
  }
  const Outcome outcome =
      Twinseal({"key", "policy", "set", "release", "--as-elsewhere", "a", "--as-elsewhere", "c",
                "--scheme-at", "c=ecdsa-sha256", "--isolation-at", "b=stop", "--output", "json"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, ::testing::HasSubstr(R"(  "atSites": [
    {
      "site": "b",
      "applications": {
        "names": [
          "builder"
        ]
      },
      "maxSignaturesPerActivation": 0,
      "isolation": "stop",
      "isolationSeconds": 0
    },
    {
      "site": "c",
      "schemes": {
        "schemes": [
          "ecdsa-sha256"
        ]
      },
      "maxSignaturesPerActivation": 0,
      "isolation": "unspecified",
      "isolationSeconds": 0
    }
  ],
)"));
}

TEST_F(KeyCommands, ASiteThatCouldNotBeToldIsWarnedOf) {
  v1::UninformedSite& site = *key.add_uninformed_sites();
  site.set_site("b");
  site.set_may_sign_until_unix_ms(1'795'233'906'789);
  const std::string warning =
      "twinseal: warning: site b could not be told and may sign with key release under the old "
      "rule until 2026-11-21 04:05:06Z; `twinseal status` shows whether it can be reached\n";
  for (const std::vector<std::string>& change :
       {std::vector<std::string>{"key", "disable", "release"},
        {"key", "rotate", "release"},
        {"key", "destroy", "release"},
        {"key", "destroy", "release", "--now"},
        {"key", "policy", "set", "release", "--no-application"}}) {
    const Outcome outcome = Twinseal(change);
    EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
    EXPECT_EQ(outcome.err, warning);
    std::vector<std::string> as_json = change;
    as_json.insert(as_json.end(), {"--output", "json"});
    EXPECT_THAT(Twinseal(as_json).out,
                ::testing::HasSubstr("  \"uninformedSites\": [\n    {\n      \"site\": \"b\",\n"
                                     "      \"maySignUntilUnixMs\": \"1795233906789\"\n"));
  }
}

TEST_F(KeyCommands, ARefusalSaysWhatWasAskedWhatIsWrongAndWhatToDo) {
  appliances.On<v1::GetKeyRequest, v1::Key>(
      "KeyService/GetKey", [](const v1::GetKeyRequest&) -> Result<v1::Key> {
        return Error(Code::kNotFound, "there is no key named 'relase'");
      });
  const Outcome outcome = Twinseal({"key", "show", "relase"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "twinseal: showing key relase: there is no key named 'relase'; `twinseal key list` "
            "shows the keys that you may "
            "see\n");
}

TEST_F(KeyCommands, WhatComesFromElsewhereCannotMoveTheCursor) {
  key.set_name("evil\x1b[2J\n");
  EXPECT_EQ(Twinseal({"key", "enable", "release"}).out, "Key evil\\x1b[2J\\x0a is enabled.\n");
  EXPECT_THAT(Twinseal({"key", "show", "release"}).out,
              ::testing::HasSubstr("evil\\x1b[2J\\x0a\n"));
}

}  // namespace
}  // namespace twinseal::cli
