// `twinseal pair create`, `replace` and `abort`.
#include <algorithm>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/base/unique_fd.h"
#include "common/crypto/digest.h"
#include "tests/unit/agent/cli/cli_fixture.h"
#include "tests/unit/agent/cli/played_pair.h"
#include "twinseal/v1/pair_store.pb.h"

namespace twinseal::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Killed : std::runtime_error {
  Killed() : std::runtime_error("killed") {}
};

class PairCeremony : public CliTest {
 protected:
  PairCeremony() {
    agent_config = File("agent.conf", "data_dir = \"" + Path("agent") +
                                          "\"\n"
                                          "peer_listen = \"0.0.0.0:2380\"\n"
                                          "peer_address = \"192.0.2.3:2380\"\n"
                                          "api_address = \"https://agent.example:9443\"\n"
                                          "heartbeat_ms = 100\n");
    on_pause = [this] {
      pair.holder_confirmed = true;
      if (++pauses > 1) pair.joiner_confirmed = true;
    };
  }

  std::vector<std::string> Arguments(const std::vector<std::string>& more = {}) const {
    std::vector<std::string> arguments = {"pair",  "create",         "--joiner",
                                          kJoiner, "--agent-config", agent_config};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
  Outcome Create(const std::vector<std::string>& more = {}) { return Twinseal(Arguments(more)); }
  Outcome Abort(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"pair", "abort", "--agent-config", agent_config};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Twinseal(arguments);
  }
  std::vector<std::string> AgentFiles() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Path("agent")))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }

  static constexpr const char* kJoiner = PlayedPair::kJoiner;
  std::string agent_config;
  int pauses = 0;
  PlayedPair pair{appliances, strangers[kJoiner], elsewhere[kJoiner]};
};

TEST_F(PairCeremony, MakesAPair) {
  const Outcome outcome = Create();
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  const std::string fingerprint_a = HexEncode(crypto::Sha256(AsBytes("identity of a")));
  const std::string fingerprint_b = HexEncode(crypto::Sha256(AsBytes("identity of b")));
  EXPECT_EQ(outcome.out,
            "Site a gives its domain to site b; the witness is agent.\n"
            "\n"
            "  Code: 12345 67890 11111 22222 33333 44444\n"
            "  Identity of site a: " +
                fingerprint_a + "\n  Identity of site b: " + fingerprint_b +
                "\n\n"
                "Within 1h, an operator at each of the two consoles runs\n"
                "  twinseal pair confirm --config /etc/twinseal/twinseald.conf\n"
                "compares the fingerprints with those noted at set-up and the code with this one, "
                "and\n"
                "says yes. Interrupted, the same command goes on; `twinseal pair abort` undoes "
                "it.\n"
                "Site a has confirmed.\n"
                "Site b has confirmed.\n"
                "Concluded. The ledger moves; start twinseal-agent now unless it runs.\n"
                "Sites a and b are a pair: domain d0d0.\n"
                "Next:\n"
                "  export TWINSEAL_ENDPOINTS=https://a.example:9443,https://b.example:9443\n"
                "  twinseal status\n");
  const auto begun = appliances.Last<v1::BeginPairingRequest>("PairingService/BeginPairing");
  EXPECT_EQ(begun.joiner_name(), "b");
  EXPECT_EQ(begun.witness_name(), "agent");
  EXPECT_EQ(begun.witness_peer(), "192.0.2.3:2380");
  EXPECT_EQ(begun.witness_api(), "https://agent.example:9443");
  EXPECT_EQ(pair.certificates, 1);
}

TEST_F(PairCeremony, LeavesTheWitnessItsFilesAndNothingElse) {
  EXPECT_EQ(Create().status, ExitStatus::kDone);
  EXPECT_THAT(AgentFiles(), ElementsAre("agent.key", "agent.pem", "ca.pem", "state"));
  for (const std::string& name : AgentFiles()) {
    struct stat status {};
    ASSERT_EQ(stat(Path("agent/" + name).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777U, 0600U) << name;
  }
  struct stat folder {};
  ASSERT_EQ(stat(Path("agent").c_str(), &folder), 0);
  EXPECT_EQ(folder.st_mode & 07777U, 0700U);
  EXPECT_EQ(Content("agent/agent.pem"), "the agent's certificate\n");
  EXPECT_EQ(Content("agent/ca.pem"), "the operator CA\n");
  v1::WitnessState state;
  ASSERT_TRUE(state.ParseFromString(Content("agent/state")));
  EXPECT_EQ(state.name(), "agent");
  EXPECT_EQ(state.operator_ca_pem(), "the operator CA\n");
  EXPECT_EQ(state.ledger_ca_pem(), "the ledger CA\n");
  EXPECT_EQ(state.config().places_size(), 3);
}

TEST_F(PairCeremony, JsonIsOneObjectAndPeopleReadTheRest) {
  const Outcome outcome = Create({"--output", "json"});
  EXPECT_THAT(outcome.out, StartsWith("{\n  \"pairingId\": \"00112233445566778899aabbccddeeff\",\n"
                                      "  \"holder\": \"a\",\n  \"joiner\": \"b\",\n"
                                      "  \"code\": \"12345 67890 11111 22222 33333 44444\",\n"
                                      "  \"config\": {\n    \"domainId\": \"d0d0\",\n"));
  EXPECT_THAT(outcome.err, HasSubstr("\n  Code: 12345 67890 11111 22222 33333 44444\n"));
}

// Killed before or after any call, and run again: the same steps with the same request ids, and a
// pair in the end.
TEST_F(PairCeremony, GoesOnWhereverItWasKilled) {
  const auto kill_at = [this](int call) {
    auto calls = std::make_shared<int>(0);
    for (FakeAppliances* each : {&appliances, &strangers[kJoiner], &elsewhere[kJoiner]}) {
      each->on_call = [calls, call](const std::string&, bool) {
        if ((*calls)++ == call) throw Killed();
      };
    }
  };
  int runs = 0;
  // Each run gets further than the one before; the last is not killed any more.
  for (int call = 0;; ++call) {
    kill_at(call);
    const Outcome outcome = Create();
    ++runs;
    if (outcome.status == ExitStatus::kDone) break;
    EXPECT_THAT(outcome.err, HasSubstr("killed"));
    ASSERT_LT(runs, 100);
  }
  EXPECT_GT(runs, 5);
  EXPECT_EQ(pair.certificates, 1);
  EXPECT_EQ(pair.holder_phase, "paired");
  EXPECT_THAT(AgentFiles(), ElementsAre("agent.key", "agent.pem", "ca.pem", "state"));
}

TEST_F(PairCeremony, EveryCallMayBeTheLastOfARun) {
  for (int call = 0; call < 60; ++call) {
    std::filesystem::remove_all(Path("agent"));
    FakeAppliances fresh;
    FakeAppliances fresh_stranger;
    FakeAppliances fresh_member;
    PlayedPair another(fresh, fresh_stranger, fresh_member);
    another.holder_confirmed = another.joiner_confirmed = true;
    int calls = 0;
    for (FakeAppliances* each : {&fresh, &fresh_stranger, &fresh_member}) {
      each->on_call = [&calls, call](const std::string&, bool) {
        if (calls++ == call) throw Killed();
      };
    }
    std::swap(appliances, fresh);
    std::swap(strangers[kJoiner], fresh_stranger);
    std::swap(elsewhere[kJoiner], fresh_member);
    const Outcome first = Create();
    const Outcome second = first.status == ExitStatus::kDone ? first : Create();
    EXPECT_EQ(second.status, ExitStatus::kDone) << call << ": " << second.err;
    EXPECT_EQ(another.certificates, 1) << call;
    if (first.status == ExitStatus::kDone) return;
  }
  FAIL() << "the ceremony never ended";
}

TEST_F(PairCeremony, WaitsNoLongerThanItIsTold) {
  on_pause = [] {};
  const auto before = now;
  const Outcome outcome = Create({"--confirm-within", "10m"});
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_EQ(outcome.err,
            "The ceremony stays as it is: the same command goes on with it, `twinseal pair abort` "
            "undoes it.\n"
            "twinseal: pairing with https://b.example:9443: the time is over: the operator of site "
            "a has not confirmed\n");
  EXPECT_EQ(now - before, std::chrono::minutes(10));
  EXPECT_EQ(pair.holder_phase, "agreed");
}

TEST_F(PairCeremony, ARefusalThatIsNoWaitingEndsIt) {
  on_pause = [this] { pair.holder_phase = "alone"; };
  const Outcome outcome = Create();
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.err, EndsWith("pairing with https://b.example:9443: no agreement\n"));
}

TEST_F(PairCeremony, WaitsForALedgerThatTakesNoMemberYet) {
  pair.unsettled_for = 5;
  const Outcome outcome = Create();
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(pair.unsettled_for, 0);
}

TEST_F(PairCeremony, WaitsForAHolderThatStartsAnew) {
  appliances.on_call = [](const std::string& procedure, bool served) {
    if (procedure == "PairingService/ConcludePairing" && served) throw Killed();
  };
  Create();
  appliances.on_call = nullptr;
  appliances.Break(0, Error(Code::kUnavailable, "down; start it"));
  on_pause = [this] {
    if (++pauses == 5) appliances.Mend(0);
  };
  const Outcome outcome = Create();
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out,
              StartsWith("Going on with the ceremony that was begun.\nWaiting for site a.\n"));
}

TEST_F(PairCeremony, TwoCodesAreSomebodyInBetween) {
  pair.joiner_code = "99999 67890 11111 22222 33333 44444";
  const Outcome outcome = Create();
  EXPECT_EQ(outcome.status, ExitStatus::kFailed);
  EXPECT_THAT(outcome.err, HasSubstr("somebody is in between; confirm nothing"));
  EXPECT_EQ(pauses, 0);
}

TEST_F(PairCeremony, AnApplianceThatHasADomainCannotJoin) {
  pair.joiner_phase = "alone";
  const Outcome outcome = Create();
  EXPECT_EQ(outcome.err,
            "twinseal: pairing with https://b.example:9443: the appliance at "
            "https://b.example:9443 cannot join: it is alone; one that can is set up with "
            "`twinseal appliance init --join`\n");
  EXPECT_THAT(AgentFiles(), IsEmpty());
}

TEST_F(PairCeremony, NamesMustDiffer) {
  for (const char* name : {"a", "agent"}) {
    pair.joiner_name = name;
    EXPECT_THAT(Create().err, HasSubstr("give it another name"));
  }
  EXPECT_THAT(AgentFiles(), IsEmpty());
  EXPECT_EQ(pair.holder_phase, "alone");
}

TEST_F(PairCeremony, OnlyOneCeremonyAtATime) {
  on_pause = [] {};
  Create();
  elsewhere["https://c.example:9443"];
  std::vector<std::string> arguments = Arguments();
  arguments[3] = "https://c.example:9443";
  EXPECT_THAT(Twinseal(arguments).err,
              HasSubstr("a ceremony with https://b.example:9443 is under way; go on with it by "
                        "naming the same, or undo it: `twinseal pair abort`\n"));
  const UniqueFd folder(open(Path("agent").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(flock(folder.get(), LOCK_EX), 0);
  EXPECT_THAT(Create().err, HasSubstr("another `twinseal pair` command works on "));
}

TEST_F(PairCeremony, AWitnessJoinsNoSecondPair) {
  EXPECT_EQ(Create().status, ExitStatus::kDone);
  EXPECT_THAT(Create().err, HasSubstr("this agent is a pair's witness already"));
}

TEST_F(PairCeremony, AWitnessWhosePairIsOverJoinsTheNext) {
  EXPECT_EQ(Create().status, ExitStatus::kDone);
  v1::WitnessState old;
  ASSERT_TRUE(old.ParseFromString(Content("agent/state")));
  old.mutable_config()->set_domain_id("0000");
  File("agent/state", old.SerializeAsString());
  PlayedPair next(appliances, strangers[kJoiner], elsewhere[kJoiner]);
  next.holder_confirmed = next.joiner_confirmed = true;
  const Outcome outcome = Create({"--forget-pair"});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  v1::WitnessState state;
  ASSERT_TRUE(state.ParseFromString(Content("agent/state")));
  EXPECT_EQ(state.config().domain_id(), "d0d0");
}

TEST_F(PairCeremony, WhatTheConfigurationLacksIsNamed) {
  File("agent.conf", "peer_address = \"192.0.2.3:2380\"\n");
  EXPECT_THAT(Create().err, EndsWith("agent.conf does not say where the agent's folder is; set "
                                     "data_dir there\n"));
  File("agent.conf", "data_dir = \"/x\"\npeer_listen = \"0.0.0.0:2380\"\n");
  EXPECT_THAT(Create().err, EndsWith("set peer_address = \"HOST:PORT\" there\n"));
  File("agent.conf", "data_dir = \"/x\"\npeer_address = \"192.0.2.3:2380\"\n");
  EXPECT_THAT(Create().err, EndsWith("set api_address there\n"));
  EXPECT_EQ(Twinseal({"pair", "create"}).status, ExitStatus::kWrongUsage);
  EXPECT_EQ(Twinseal({"pair", "create", "--joiner", "b:8443"}).status, ExitStatus::kWrongUsage);
}

TEST_F(PairCeremony, AFolderThatIsOpenToOthersIsRefused) {
  mkdir(Path("agent").c_str(), 0700);
  chmod(Path("agent").c_str(), 0755);
  EXPECT_THAT(Create().err, HasSubstr("agent is open to others; close it: chmod 700 "));
}

TEST_F(PairCeremony, ReplacingKeepsWhatTheWitnessIs) {
  EXPECT_EQ(Create().status, ExitStatus::kDone);
  const std::string key = Content("agent/agent.key");
  v1::WitnessState noted;
  ASSERT_TRUE(noted.ParseFromString(Content("agent/state")));
  noted.set_watched_ms(77);
  File("agent/state", noted.SerializeAsString());

  pair.joiner_phase = "joining";
  pair.joiner_confirmed = pair.holder_confirmed = false;
  pauses = 0;
  pair.moves_for = 2;
  const Outcome outcome =
      Twinseal({"pair", "replace", "b", "--joiner", kJoiner, "--agent-config", agent_config});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Site a gives its domain to site b, which takes the lost "
                                     "one's place for ever; the witness is agent.\n"));
  EXPECT_EQ(pair.replaced, "b");
  EXPECT_EQ(pair.certificates, 1);
  EXPECT_EQ(Content("agent/agent.key"), key);
  v1::WitnessState state;
  ASSERT_TRUE(state.ParseFromString(Content("agent/state")));
  EXPECT_EQ(state.watched_ms(), 77);
}

TEST_F(PairCeremony, WhoReplacesHasTheLostOnesName) {
  pair.joiner_name = "c";
  EXPECT_THAT(
      Twinseal({"pair", "replace", "b", "--joiner", kJoiner, "--agent-config", agent_config}).err,
      HasSubstr("is called c, not b; who takes a lost site's place takes its name: set "
                "site = \"b\" in its twinseald.conf\n"));
}

class PairAbort : public PairCeremony {};

TEST_F(PairAbort, UndoesWhatWasBegunAtBothSites) {
  on_pause = [] {};
  EXPECT_EQ(Create().status, ExitStatus::kFailed);
  const Outcome outcome = Abort();
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(outcome.out, "The ceremony is undone.\n");
  EXPECT_EQ(pair.holder_phase, "alone");
  EXPECT_EQ(pair.joiner_phase, "joining");
  EXPECT_THAT(AgentFiles(), IsEmpty());
}

TEST_F(PairAbort, TakesTheWitnesssFilesAway) {
  appliances.on_call = [](const std::string& procedure, bool served) {
    if (procedure == "PairingService/ConcludePairing" && !served) throw Killed();
  };
  EXPECT_EQ(Create().status, ExitStatus::kFailed);
  EXPECT_THAT(AgentFiles(), ElementsAre("agent.key", "agent.pem", "ca.pem", "ceremony", "state"));
  EXPECT_EQ(Abort({"--output", "json"}).out,
            "{\n  \"pairingId\": \"00112233445566778899aabbccddeeff\",\n"
            "  \"undoneAtJoiner\": true\n}\n");
  EXPECT_THAT(AgentFiles(), IsEmpty());
}

TEST_F(PairAbort, CanBeRepeatedUntilTheJoinerHasHeard) {
  on_pause = [] {};
  Create();
  const Error down(Code::kUnavailable, "b.example:9443 refused the connection; is it running");
  strangers[kJoiner].Break(0, down);
  elsewhere[kJoiner].Break(0, down);
  EXPECT_EQ(Abort().err,
            "twinseal: undoing the ceremony: at the joiner (https://b.example:9443): "
            "b.example:9443 refused the connection; is it running\n");
  EXPECT_EQ(pair.holder_phase, "agreed");
  EXPECT_THAT(AgentFiles(), ElementsAre("ceremony"));
  EXPECT_THAT(Abort({"--without-joiner"}).out, HasSubstr("The joiner was not asked"));
  EXPECT_THAT(AgentFiles(), IsEmpty());
}

TEST_F(PairAbort, FindsAnOfferWhoseAnswerWasLost) {
  appliances.on_call = [](const std::string& procedure, bool served) {
    if (procedure == "PairingService/BeginPairing" && served) throw Killed();
  };
  Create();
  EXPECT_EQ(pair.holder_phase, "offered");
  EXPECT_EQ(Abort().status, ExitStatus::kDone);
  EXPECT_EQ(pair.holder_phase, "alone");
}

TEST_F(PairAbort, WorksWithoutTheAgentsFolder) {
  on_pause = [] {};
  Create();
  const Outcome outcome =
      Twinseal({"pair", "abort", "--agent-config", Path("none.conf"), "--joiner", kJoiner});
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(pair.holder_phase, "alone");
  EXPECT_EQ(pair.joiner_phase, "joining");
}

TEST_F(PairAbort, NothingUnderWayIsNothingToUndo) {
  EXPECT_EQ(Abort().err,
            "twinseal: undoing the ceremony: no ceremony is under way, so there is nothing to "
            "undo; a joiner that has answered one is asked with --joiner https://HOST:PORT\n");
}

TEST_F(PairAbort, APairIsNotUndone) {
  EXPECT_EQ(Create().status, ExitStatus::kDone);
  EXPECT_THAT(Abort().err, HasSubstr("site a belongs to a pair, whose pairing is concluded: "
                                     "`twinseal pair leave` takes it apart"));
  EXPECT_THAT(Abort({"--joiner", kJoiner}).err,
              HasSubstr("it belongs to the pair already: the pairing is concluded"));
  EXPECT_EQ(pair.holder_phase, "paired");
  EXPECT_EQ(pair.joiner_phase, "paired");
}

TEST_F(PairAbort, AJoinerThatRemembersIsAsked) {
  on_pause = [] {};
  Create();
  EXPECT_EQ(Abort({"--without-joiner"}).status, ExitStatus::kDone);
  EXPECT_EQ(pair.joiner_phase, "answered");
  EXPECT_THAT(Create().err, HasSubstr("has answered another offer; when nobody waits for that one, "
                                      "undo it: `twinseal pair abort --joiner "
                                      "https://b.example:9443`\n"));
  EXPECT_EQ(Abort({"--joiner", kJoiner}).status, ExitStatus::kDone);
  EXPECT_EQ(pair.joiner_phase, "joining");
}

TEST_F(PairAbort, WhatTheJoinerDoesNotUndoIsNotUndoneAtTheHolder) {
  on_pause = [] {};
  Create();
  pair.joiner_refuses_to_abort = true;
  EXPECT_THAT(Abort().err, HasSubstr("at the joiner (https://b.example:9443): it has the keys"));
  EXPECT_EQ(pair.holder_phase, "agreed");
  EXPECT_THAT(AgentFiles(), ElementsAre("ceremony"));
}

// Nobody concludes any more what the holder has forgotten: then the joiner may give back what it
// has.
TEST_F(PairAbort, AJoinerThatHasAcceptedGivesTheDomainBackOnTheHoldersWord) {
  appliances.on_call = [](const std::string& procedure, bool) {
    if (procedure == "PairingService/ConcludePairing") throw Killed();
  };
  Create();
  EXPECT_EQ(pair.joiner_phase, "accepted");
  pair.holder_can_sign = false;
  EXPECT_THAT(Abort().err, HasSubstr("its HSM cannot sign that now"));
  EXPECT_EQ(pair.joiner_phase, "accepted");
  EXPECT_EQ(pair.holder_phase, "alone");
  pair.holder_can_sign = true;
  const Outcome outcome = Abort();
  EXPECT_EQ(outcome.status, ExitStatus::kDone) << outcome.err;
  EXPECT_EQ(pair.joiner_phase, "joining");
  EXPECT_THAT(AgentFiles(), IsEmpty());
  appliances.on_call = nullptr;
  EXPECT_EQ(Create().status, ExitStatus::kDone);
}

TEST_F(PairAbort, WhatIsConcludedStays) {
  appliances.on_call = [this](const std::string& procedure, bool) {
    if (procedure == "SiteService/GetPair" && pair.holder_phase == "moving") throw Killed();
  };
  Create();
  EXPECT_THAT(Abort().err, HasSubstr("it is concluded already"));
  EXPECT_EQ(pair.holder_phase, "moving");
}

}  // namespace
}  // namespace twinseal::cli
