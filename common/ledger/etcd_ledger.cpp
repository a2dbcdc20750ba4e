#include "common/ledger/etcd_ledger.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "common/etcd/etcd.pb.h"
#include "common/ledger/cluster_guard.h"
#include "common/ledger/etcd_feed.h"
#include "common/ledger/etcd_range.h"

namespace twinseal::ledger {
namespace {

// So that no answer is larger than a few megabytes.
constexpr std::int64_t kPage = 1'000;

// A leader that is lost takes what it was asked with it, and nobody says so: what is not answered
// by then is better asked again. By then a small commit has gone to and fro between distant places
// several times; a large one takes a disk its time.
std::chrono::milliseconds CommitTime(std::size_t bytes) {
  constexpr std::chrono::milliseconds kSmall{600};
  constexpr std::size_t kBytesPerMillisecond = 500;
  return kSmall + std::chrono::milliseconds(bytes / kBytesPerMillisecond);
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

void SetGuard(const Guard& guard, etcd::Compare& compare) {
  if (const auto* const absent = std::get_if<Absent>(&guard)) {
    compare.set_key(absent->key);
    compare.set_target(etcd::Compare::CREATE);
    compare.set_create_revision(0);
    return;
  }
  const auto& unchanged = std::get<UnchangedSince>(guard);
  compare.set_key(unchanged.key);
  if (unchanged.modified == Revision{0}) {
    // No commit has written it, so this never holds; to etcd 0 would mean that there is no key.
    compare.set_result(etcd::Compare::LESS);
    compare.set_target(etcd::Compare::VERSION);
    compare.set_version(0);
    return;
  }
  compare.set_target(etcd::Compare::MOD);
  compare.set_mod_revision(FromRevision(unchanged.modified));
}

class Engine final : public EtcdLedger {
 public:
  Engine(std::unique_ptr<etcd::Gateway> gateway, ValueSeal seal, Sighting seen)
      : gateway_(std::move(gateway)), seal_(std::move(seal)), guard_(seen) {}

  // Asks for the members' release, and looks at the cluster for the first time.
  Status Greet() {
    etcd::StatusResponse status;
    TWINSEAL_RETURN_IF_ERROR(gateway_->Call("maintenance/status", etcd::StatusRequest(), status));
    version_ = status.version();
    const Result<Revision> now = CurrentRevision();
    return now.ok() ? Ok() : Status(now.error());
  }

  Result<std::optional<Entry>> Get(std::string_view key) override {
    etcd::RangeRequest request;
    request.set_key(std::string(key));
    TWINSEAL_ASSIGN_OR_RETURN(const etcd::RangeResponse response, Ask(request));
    if (response.kvs().empty()) return std::optional<Entry>();
    TWINSEAL_ASSIGN_OR_RETURN(Entry entry, EntryOf(response.kvs(0)));
    return std::optional(std::move(entry));
  }

  Result<std::optional<Entry>> GetNearby(std::string_view key) override {
    etcd::RangeRequest request;
    request.set_key(std::string(key));
    request.set_serializable(true);
    // A member that was away may be behind; that the cluster is the one is all that is asked.
    TWINSEAL_RETURN_IF_ERROR(Believed());
    etcd::RangeResponse response;
    TWINSEAL_RETURN_IF_ERROR(gateway_->Call("kv/range", request, response));
    TWINSEAL_RETURN_IF_ERROR(guard_.Check(response.header().cluster_id(),
                                          ToRevision(response.header().revision()), Revision{}));
    if (response.kvs().empty()) return std::optional<Entry>();
    TWINSEAL_ASSIGN_OR_RETURN(Entry entry, EntryOf(response.kvs(0)));
    return std::optional(std::move(entry));
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
    etcd::TxnRequest request;
    for (const Guard& guard : transaction.guards) SetGuard(guard, *request.add_compare());
    for (const Write& write : transaction.writes) {
      TWINSEAL_RETURN_IF_ERROR(SetWrite(write, *request.add_success()));
    }
    etcd::TxnResponse response;
    TWINSEAL_ASSIGN_OR_RETURN(const Revision at_least, guard_.Before());
    TWINSEAL_RETURN_IF_ERROR(gateway_->CallAt(gateway_->preferred(), "kv/txn", request, response,
                                              CommitTime(request.ByteSizeLong())));
    TWINSEAL_RETURN_IF_ERROR(guard_.Check(response.header().cluster_id(),
                                          ToRevision(response.header().revision()), at_least));
    return Outcome{response.succeeded(), ToRevision(response.header().revision())};
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
    Status done = Call("kv/compaction", compaction, compacted);
    // Somebody else was first.
    if (!done.ok() && done.error().code() != Code::kOutOfRange) return done;
    for (std::size_t i = 0; i < gateway_->options().endpoints.size(); ++i) {
      etcd::DefragmentResponse response;
      TWINSEAL_RETURN_IF_ERROR(
          gateway_->CallAt(i, "maintenance/defragment", etcd::DefragmentRequest(), response));
    }
    return Ok();
  }

  std::string EngineName() const override { return fmt::format("etcd {}", version_); }
  Sighting seen() const override { return guard_.seen(); }

 private:
  Result<Entry> EntryOf(const etcd::KeyValue& kv) const {
    TWINSEAL_ASSIGN_OR_RETURN(Bytes value, seal_.Open(kv.key(), kv.value()));
    return Entry{kv.key(), std::move(value), ToRevision(kv.create_revision()),
                 ToRevision(kv.mod_revision())};
  }

  Status Believed() {
    const Result<Revision> before = guard_.Before();
    return before.ok() ? Ok() : Status(before.error());
  }

  Status SetWrite(const Write& write, etcd::RequestOp& operation) const {
    if (const auto* const remove = std::get_if<Remove>(&write)) {
      operation.mutable_request_delete_range()->set_key(remove->key);
      return Ok();
    }
    const auto& put = std::get<Put>(write);
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes sealed, seal_.Seal(put.key, put.value));
    operation.mutable_request_put()->set_key(put.key);
    operation.mutable_request_put()->set_value(ToString(sealed));
    return Ok();
  }

  template <typename Response>
  Status Call(std::string_view method, const google::protobuf::Message& request,
              Response& response) {
    TWINSEAL_ASSIGN_OR_RETURN(const Revision at_least, guard_.Before());
    TWINSEAL_RETURN_IF_ERROR(gateway_->Call(method, request, response));
    return guard_.Check(response.header().cluster_id(), ToRevision(response.header().revision()),
                        at_least);
  }

  Result<etcd::RangeResponse> Ask(const etcd::RangeRequest& request) {
    etcd::RangeResponse response;
    TWINSEAL_RETURN_IF_ERROR(Call("kv/range", request, response));
    return response;
  }

  Result<Listing> ListAtOneRevision(const Range& range) {
    const std::size_t limit =
        range.limit == 0 ? std::numeric_limits<std::size_t>::max() : range.limit;
    Listing listing;
    Range rest = range;
    do {
      etcd::RangeRequest request;
      if (!SetRange(rest, request)) break;
      request.set_limit(
          static_cast<std::int64_t>(std::min<std::size_t>(kPage, limit - listing.entries.size())));
      request.set_revision(FromRevision(listing.revision));
      TWINSEAL_ASSIGN_OR_RETURN(const etcd::RangeResponse response, Ask(request));
      // Later pages are of the first one's revision.
      if (listing.revision == Revision{}) {
        listing.revision = ToRevision(response.header().revision());
      }
      for (const etcd::KeyValue& kv : response.kvs()) {
        TWINSEAL_ASSIGN_OR_RETURN(Entry entry, EntryOf(kv));
        listing.entries.push_back(std::move(entry));
      }
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
  std::string version_;
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
