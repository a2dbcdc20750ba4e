// The two sides of a pairing ceremony, each with a folder of its own and a fake core; between them
// is whoever drives it.
#pragma once

#include <fstream>
#include <memory>
#include <string>

#include "firmware/service/operator_ca/operator_ca.h"
#include "firmware/service/pair/holder.h"
#include "firmware/service/pair/joiner.h"
#include "firmware/service/pair/pair_file.h"
#include "tests/support/results.h"
#include "tests/unit/firmware/service/service_fixture.h"

namespace twinseal::service {

// As `twinseal pair confirm` leaves it.
inline void Confirm(const std::filesystem::path& data_dir, const std::string& pairing_id,
                    const std::string& code) {
  std::ofstream(data_dir / "pair" / "confirmed") << pairing_id << "\n" << code << "\n";
}

// Site a has a domain and gives it; site b was set up to join.
class CeremonyTest : public ServiceFixture {
 protected:
  CeremonyTest() {
    MakeKey(std::string(kOperatorCaKey));
    EXPECT_THAT(operator_ca->Establish(ledger, Soon()), test::Succeeds());
    RestartHolder();
    RestartJoiner();
    EXPECT_THAT(joiner_file->Change([](v1::PairState& state) {
      state.set_site("b");
      state.set_phase(v1::PairState::JOINING);
    }),
                test::Succeeds());
  }

  // As after the end of the process: what is left is in the folder, the token and the ledger.
  void RestartHolder() {
    holder.reset();
    holder_file = *PairFile::Open(holder_folder.path());
    ledger_ca = std::make_unique<LedgerCa>(
        OwnKey(directory, store, core, std::string(kLedgerCaKey)), [this] { return clock; });
    (void)ledger_ca->Load(ledger);  // It is not there before a ceremony.
    v1::Place place;
    place.set_name("a");
    place.set_api("https://192.0.2.1:8443");
    place.set_peer("192.0.2.1:2380");
    holder = std::make_unique<Holder>(HolderParts{
        .file = *holder_file,
        .core = core,
        .ledger = ledger,
        .directory = directory,
        .store = store,
        .operator_ca = *operator_ca,
        .ledger_ca = *ledger_ca,
        .audit = *audit,
        .place = place,
        .restart = [this] { ++holder_restarts; },
        .find_lost =
            [this](const v1::Place& lost) {
              return Result(lost.name() == "b" ? members_of_b : std::vector<std::uint64_t>());
            },
        .replace_members =
            [this](const std::vector<std::uint64_t>& lost, const std::string& peer, Deadline) {
              members_replaced.emplace_back(lost, peer);
              return replace_members_answer;
            },
        .changed =
            [this] {
              ++config_changes;
              return Ok();
            }});
  }
  void RestartJoiner() {
    joiner.reset();
    joiner_file = *PairFile::Open(joiner_folder.path());
    v1::Place place;
    place.set_name("b");
    place.set_api("https://192.0.2.2:8443");
    place.set_peer("192.0.2.2:2380");
    joiner = std::make_unique<Joiner>(
        *joiner_file,
        [this](v1::CoreRequest request) {
          return CallAndWait(joiner_core, std::move(request), Soon());
        },
        place, [this] { ++joiner_restarts; });
  }

  // Another one each time.
  v1::BeginPairingRequest BeginRequest() {
    v1::BeginPairingRequest request;
    request.set_request_id("begin-" + std::to_string(++ceremonies));
    request.set_joiner_name("b");
    request.set_witness_name("agent");
    request.set_witness_peer("192.0.2.3:2380");
    request.set_witness_api("https://192.0.2.3:8443");
    return request;
  }

  // The steps, each with what the one before has given. Those that must go well put down what they
  // gave, in `heard`.
  struct Heard {
    v1::SignedMessage offer;
    v1::AnswerPairingResponse answer;
    v1::AgreePairingResponse agreement;
    v1::ReleaseDomainResponse release;
    std::string joiner_proof;
  };

  Result<v1::BeginPairingResponse> Begin() { return holder->Begin(BeginRequest(), Soon()); }
  Result<v1::AnswerPairingResponse> Answer(const v1::SignedMessage& offer) {
    v1::AnswerPairingRequest request;
    *request.mutable_offer() = offer;
    return joiner->Answer(request);
  }
  Result<v1::AgreePairingResponse> Agree(const v1::SignedMessage& answer) {
    v1::AgreePairingRequest request;
    *request.mutable_answer() = answer;
    return holder->Agree(request, Soon());
  }
  Result<v1::ReleaseDomainResponse> Release(const std::string& pairing_id) {
    v1::ReleaseDomainRequest request;
    request.set_pairing_id(pairing_id);
    return holder->Release(request, Soon());
  }
  Result<v1::AcceptDomainResponse> Accept(const v1::SignedMessage& agreement,
                                          const v1::SignedMessage& release) {
    v1::AcceptDomainRequest request;
    *request.mutable_agreement() = agreement;
    *request.mutable_release() = release;
    return joiner->Accept(request);
  }
  Result<v1::ConcludePairingResponse> Conclude(const std::string& pairing_id,
                                               const std::string& proof) {
    v1::ConcludePairingRequest request;
    request.set_pairing_id(pairing_id);
    request.set_joiner_proof(proof);
    return holder->Conclude(request, Soon());
  }
  Result<v1::AbortPairingResponse> AbortHolder(const std::string& pairing_id) {
    v1::AbortPairingRequest request;
    request.set_pairing_id(pairing_id);
    return holder->Abort(request, Soon());
  }
  Status AbortJoiner(const std::string& pairing_id, const v1::SignedMessage& abandonment = {}) {
    v1::AbortPairingRequest request;
    request.set_pairing_id(pairing_id);
    if (!abandonment.body().empty()) *request.mutable_abandonment() = abandonment;
    return joiner->Abort(request);
  }

  // The ceremony up to and with one of its steps, all going well.
  enum class Step { kBegun, kAnswered, kAgreed, kConfirmed, kReleased, kAccepted, kConcluded };
  void GoTo(Step last) {
    const auto begun = Begin();
    ASSERT_THAT(begun, test::Succeeds());
    heard.offer = begun->offer();
    if (last == Step::kBegun) return;
    const auto answered = Answer(heard.offer);
    ASSERT_THAT(answered, test::Succeeds());
    heard.answer = *answered;
    if (last == Step::kAnswered) return;
    const auto agreed = Agree(heard.answer.answer());
    ASSERT_THAT(agreed, test::Succeeds());
    heard.agreement = *agreed;
    if (last == Step::kAgreed) return;
    ConfirmBoth();
    if (last == Step::kConfirmed) return;
    const auto released = Release(PairingId());
    ASSERT_THAT(released, test::Succeeds());
    heard.release = *released;
    if (last == Step::kReleased) return;
    const auto accepted = Accept(heard.release.agreement(), heard.release.release());
    ASSERT_THAT(accepted, test::Succeeds());
    heard.joiner_proof = accepted->joiner_proof();
    if (last == Step::kAccepted) return;
    ASSERT_THAT(Conclude(PairingId(), heard.joiner_proof), test::Succeeds());
  }

  void ConfirmBoth() {
    Confirm(holder_folder.path(), PairingId(), heard.agreement.code());
    Confirm(joiner_folder.path(), PairingId(), heard.answer.code());
  }

  std::string PairingId() const {
    v1::PairingTranscript transcript;
    EXPECT_TRUE(transcript.ParseFromString(heard.offer.body()));
    return transcript.pairing_id();
  }

  static bool Waits(const TemporaryFolder& data_dir) {
    return std::filesystem::exists(data_dir.path() / "pair" / "pending.json");
  }
  v1::PairState::Phase HolderPhase() const { return holder_file->state().phase(); }
  v1::PairState::Phase JoinerPhase() const { return joiner_file->state().phase(); }

  TemporaryFolder holder_folder;
  TemporaryFolder joiner_folder;
  crypto::UnixTime clock{std::chrono::seconds(1'800'000'000)};
  std::unique_ptr<OperatorCa> operator_ca = std::make_unique<OperatorCa>(
      OwnKey(directory, store, core, std::string(kOperatorCaKey)), [this] { return clock; });
  std::shared_ptr<FakeVault> joiner_vault = std::make_shared<FakeVault>(FakeToken::Domain::kNone);
  DirectCore joiner_core{joiner_vault};
  std::unique_ptr<LedgerCa> ledger_ca;
  std::unique_ptr<PairFile> holder_file;
  std::unique_ptr<PairFile> joiner_file;
  std::unique_ptr<Holder> holder;
  std::unique_ptr<Joiner> joiner;
  int ceremonies = 0;
  int holder_restarts = 0;
  int joiner_restarts = 0;
  // What a site of a pair was asked to do for another appliance.
  std::vector<std::uint64_t> members_of_b{7, 8};  // By their ids.
  std::vector<std::pair<std::vector<std::uint64_t>, std::string>> members_replaced;
  Status replace_members_answer = Ok();
  int config_changes = 0;
  Heard heard;
};

}  // namespace twinseal::service
