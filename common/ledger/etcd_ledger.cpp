#include "common/ledger/etcd_ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/base/together.h"
#include "common/etcd/etcd.pb.h"
#include "common/ledger/cluster_guard.h"
#include "common/ledger/etcd_commits.h"
#include "common/ledger/etcd_feed.h"
#include "common/ledger/etcd_range.h"
#include "common/ledger/etcd_reads.h"
#include "common/ledger/leader_term.h"

namespace twinseal::ledger {
namespace {

// For each page etcd counts all keys that follow: few pages are better, as long as none is larger
// than a few megabytes. What the entries' size is shows the first.
constexpr std::size_t kFirstPage = 1'000;
constexpr std::size_t kLargestPage = 20'000;
constexpr std::size_t kPageBytes = std::size_t{4} << 20U;

// How many entries to ask for after a page of so many, so large.
std::size_t NextPage(std::size_t entries, std::size_t bytes) {
  return std::clamp<std::size_t>(entries * kPageBytes / (bytes + 1), 1, kLargestPage);
}

// The least that can be asked: for what the answer's header says, or whether the revision is kept.
// 0 is the newest.
etcd::RangeRequest OneKeyAt(Revision revision) {
  etcd::RangeRequest request;
  SetRange(Range::Prefix(""), request);
  request.set_keys_only(true);
  request.set_limit(1);
  request.set_revision(FromRevision(revision));
  return request;
}

// What waits for a free line goes together. With fewer lines more go together, and wait longer for
// those that are on their way to a distant leader.
constexpr std::size_t kLines = 4;

// One election may make two: the witness, when it was elected, hands on its leadership.
constexpr int kMostLeaderChanges = 3;

// What a large commit takes a disk.
std::chrono::milliseconds WritingTime(std::size_t bytes) {
  constexpr std::size_t kBytesPerMillisecond = 500;
  return std::chrono::milliseconds(bytes / kBytesPerMillisecond);
}

class Engine final : public EtcdLedger {
 public:
  Engine(std::unique_ptr<etcd::Gateway> gateway, ValueSeal seal, Sighting seen)
      : gateway_(std::move(gateway)), seal_(std::move(seal)), guard_(seen) {}

  // Asks for the members' release, and looks at the cluster for the first time.
  Status Greet() {
    etcd::StatusResponse status;
    TWINSEAL_RETURN_IF_ERROR(gateway_->Call("Maintenance/Status", etcd::StatusRequest(), status));
    version_ = status.version();
    const Result<Revision> now = CurrentRevision();
    return now.ok() ? Ok() : Status(now.error());
  }

  Result<std::optional<Entry>> Get(std::string_view key) override {
    return Only(GetAll({std::string(key)}));
  }
  Result<std::optional<Entry>> GetNearby(std::string_view key) override {
    return Only(GetAllNearby({std::string(key)}));
  }
  Result<std::vector<std::optional<Entry>>> GetAll(const std::vector<std::string>& keys) override {
    return ReadAll(reads_, keys);
  }
  Result<std::vector<std::optional<Entry>>> GetAllNearby(
      const std::vector<std::string>& keys) override {
    return ReadAll(reads_nearby_, keys);
  }

  Result<Listing> List(const Range& range) override {
    while (true) {
      Result<Listing> listing = ListAtOneRevision(range);
      // The revision was compacted between two pages.
      if (!listing.ok() && listing.error().code() == Code::kOutOfRange) continue;
      return listing;
    }
  }

  Result<Outcome> Commit(const Transaction& transaction) override {
    TWINSEAL_RETURN_IF_ERROR(CheckTransaction(transaction));
    TWINSEAL_ASSIGN_OR_RETURN(EtcdCommit commit, EtcdCommit::Of(transaction, seal_));
    if (commit.IsSociable()) {
      commits_.Run(commit);
    } else {
      EtcdCommitGroup alone;
      alone.Add(commit);
      SendCommits(alone);
    }
    return std::move(commit.outcome);
  }

  Result<Revision> CurrentRevision() override {
    TWINSEAL_ASSIGN_OR_RETURN(const etcd::RangeResponse response, Ask(OneKeyAt(Revision{})));
    return ToRevision(response.header().revision());
  }

  Revision SeenRevision() override { return guard_.seen().highest; }

  Result<std::unique_ptr<Feed>> Follow(std::string prefix, Revision after,
                                       std::function<void(const Change&)> on_change,
                                       std::function<void(const Error&)> on_lost) override {
    TWINSEAL_RETURN_IF_ERROR(CheckKept(after));
    return std::unique_ptr<Feed>(std::make_unique<EtcdFeed>(
        *gateway_, seal_, guard_, prefix, after, std::move(on_change), std::move(on_lost)));
  }

  Status Purge() override {
    TWINSEAL_ASSIGN_OR_RETURN(const Revision now, CurrentRevision());
    etcd::CompactionRequest compaction;
    compaction.set_revision(FromRevision(now));
    compaction.set_physical(true);
    etcd::CompactionResponse compacted;
    Status done = Call("KV/Compact", compaction, compacted);
    // Somebody else was first.
    if (!done.ok() && done.error().code() != Code::kOutOfRange) return done;
    for (std::size_t i = 0; i < gateway_->options().endpoints.size(); ++i) {
      etcd::DefragmentResponse response;
      TWINSEAL_RETURN_IF_ERROR(
          gateway_->CallAt(i, "Maintenance/Defragment", etcd::DefragmentRequest(), response));
    }
    return Ok();
  }

  std::string EngineName() const override { return fmt::format("etcd {}", version_); }
  Sighting seen() const override { return guard_.seen(); }

 private:
  static Result<std::vector<std::optional<Entry>>> ReadAll(Together<EtcdReadGroup>& way,
                                                           const std::vector<std::string>& keys) {
    if (keys.size() > kMaxOperations) return Error(Code::kInvalidArgument, "too many keys at once");
    EtcdRead read{keys};
    if (!keys.empty()) way.Run(read);
    return std::move(read.entries);
  }
  static Result<std::optional<Entry>> Only(Result<std::vector<std::optional<Entry>>> entries) {
    if (!entries.ok()) return entries.error();
    return std::move(entries->front());
  }

  void SendReads(EtcdReadGroup& group) {
    etcd::TxnResponse response;
    const Status called = Call("KV/Txn", group.Request(false), response);
    group.Take(called.ok() ? Result(std::move(response)) : called.error(), seal_);
  }

  void SendReadsNearby(EtcdReadGroup& group) { group.Take(ReadNearby(group.Request(true)), seal_); }

  Result<etcd::TxnResponse> ReadNearby(const etcd::TxnRequest& request) {
    etcd::TxnResponse response;
    TWINSEAL_RETURN_IF_ERROR(CallNearby("KV/Txn", request, response));
    return response;
  }

  void SendCommits(EtcdCommitGroup& group) {
    const Result<etcd::TxnResponse> response = Transact(group);
    const bool refused = !response.ok() && response.error().code() != Code::kUnavailable;
    if (!refused || group.size() == 1) return group.Take(response);
    // It may be for one of them; the others are not to suffer for it.
    for (EtcdCommitGroup& one : group.Apart()) one.Take(Transact(one));
  }

  Result<etcd::TxnResponse> Transact(const EtcdCommitGroup& group) {
    TWINSEAL_ASSIGN_OR_RETURN(const etcd::TxnRequest request, group.Request(seal_));
    TWINSEAL_ASSIGN_OR_RETURN(const Revision at_least, guard_.Before());
    etcd::TxnResponse response;
    const std::size_t endpoint = gateway_->preferred();
    const std::uint64_t term = term_.latest();
    TWINSEAL_RETURN_IF_ERROR(gateway_->CallAt(
        endpoint, "KV/Txn", request, response,
        {.timeout = gateway_->options().commit_timeout + WritingTime(request.ByteSizeLong()),
         .worthwhile = [&] { return !term_.HasPassed(term, endpoint); }}));
    TWINSEAL_RETURN_IF_ERROR(CheckAnswer(response, at_least));
    return response;
  }

  // What may be asked twice.
  template <typename Response>
  Status Call(std::string_view method, const google::protobuf::Message& request,
              Response& response) {
    TWINSEAL_ASSIGN_OR_RETURN(const Revision at_least, guard_.Before());
    Status called = gateway_->Call(method, request, response);
    for (int i = 0; i < kMostLeaderChanges; ++i) {
      if (called.ok() || !etcd::IsLeaderChange(called.error())) break;
      called = gateway_->Call(method, request, response);
    }
    return called.ok() ? CheckAnswer(response, at_least) : called;
  }

  // What the member that answers knows itself. One that was away may be behind; that the cluster is
  // the one is all that is asked.
  template <typename Response>
  Status CallNearby(std::string_view method, const google::protobuf::Message& request,
                    Response& response) {
    const Result<Revision> believed = guard_.Before();
    if (!believed.ok()) return believed.error();
    TWINSEAL_RETURN_IF_ERROR(gateway_->Call(method, request, response));
    return CheckAnswer(response, Revision{});
  }

  template <typename Response>
  Status CheckAnswer(const Response& response, Revision at_least) {
    term_.Saw(response.header().raft_term());
    return guard_.Check(response.header().cluster_id(), ToRevision(response.header().revision()),
                        at_least);
  }

  Result<etcd::RangeResponse> Ask(const etcd::RangeRequest& request) {
    etcd::RangeResponse response;
    TWINSEAL_RETURN_IF_ERROR(Call("KV/Range", request, response));
    return response;
  }

  // Later pages are of the first one's revision: the member that told that one has it, and another
  // one that has not refuses.
  Result<etcd::RangeResponse> AskForPage(etcd::RangeRequest& request) {
    if (request.revision() == 0) return Ask(request);
    request.set_serializable(true);
    etcd::RangeResponse response;
    TWINSEAL_RETURN_IF_ERROR(CallNearby("KV/Range", request, response));
    return response;
  }

  Result<Listing> ListAtOneRevision(const Range& range) {
    const std::size_t limit =
        range.limit == 0 ? std::numeric_limits<std::size_t>::max() : range.limit;
    Listing listing;
    Range rest = range;
    std::size_t page = kFirstPage;
    do {
      etcd::RangeRequest request;
      if (!SetRange(rest, request)) break;
      request.set_limit(static_cast<std::int64_t>(std::min(page, limit - listing.entries.size())));
      request.set_revision(FromRevision(listing.revision));
      TWINSEAL_ASSIGN_OR_RETURN(const etcd::RangeResponse response, AskForPage(request));
      if (listing.revision == Revision{}) {
        listing.revision = ToRevision(response.header().revision());
      }
      for (const etcd::KeyValue& kv : response.kvs()) {
        TWINSEAL_ASSIGN_OR_RETURN(Entry entry, OpenEntry(kv, seal_));
        listing.entries.push_back(std::move(entry));
      }
      page = NextPage(static_cast<std::size_t>(response.kvs_size()), response.ByteSizeLong());
      listing.more = response.more();
      if (listing.more) rest.first = KeyBehind(listing.entries.back().key);
    } while (listing.more && listing.entries.size() < limit);
    if (listing.revision == Revision{}) {
      TWINSEAL_ASSIGN_OR_RETURN(listing.revision, CurrentRevision());
    }
    return listing;
  }

  // Whether all changes after this revision can still be told.
  Status CheckKept(Revision after) {
    TWINSEAL_ASSIGN_OR_RETURN(const Revision now, CurrentRevision());
    if (after == now) return Ok();
    if (after > now) {
      return Error(Code::kOutOfRange,
                   fmt::format("the ledger is at revision {}; {} is still to come", Number(now),
                               Number(after)));
    }
    const Result<etcd::RangeResponse> kept = Ask(OneKeyAt(Revision{Number(after) + 1}));
    return kept.ok() ? Ok() : Status(kept.error());
  }

  const std::unique_ptr<etcd::Gateway> gateway_;
  const ValueSeal seal_;
  ClusterGuard guard_;
  LeaderTerm term_{*gateway_};
  std::string version_;
  Together<EtcdReadGroup> reads_{kLines, [this](EtcdReadGroup& group) { SendReads(group); }};
  Together<EtcdReadGroup> reads_nearby_{kLines,
                                        [this](EtcdReadGroup& group) { SendReadsNearby(group); }};
  Together<EtcdCommitGroup> commits_{kLines,
                                     [this](EtcdCommitGroup& group) { SendCommits(group); }};
};

}  // namespace

Result<std::unique_ptr<EtcdLedger>> EtcdLedger::Open(etcd::GatewayOptions options, ValueSeal seal,
                                                     Sighting seen) {
  TWINSEAL_ASSIGN_OR_RETURN(std::unique_ptr<etcd::Gateway> gateway,
                            etcd::Gateway::Create(std::move(options)));
  auto engine = std::make_unique<Engine>(std::move(gateway), std::move(seal), seen);
  TWINSEAL_RETURN_IF_ERROR(engine->Greet());
  return std::unique_ptr<EtcdLedger>(std::move(engine));
}

}  // namespace twinseal::ledger
