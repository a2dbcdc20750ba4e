#include "common/etcd/member_log.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

namespace twinseal::etcd {
namespace {

// A line that repeats itself, as those about a peer that is away, is told this often.
constexpr std::chrono::seconds kRepeatAfter{60};
// Different lines that are remembered for that; etcd has fewer.
constexpr std::size_t kMaxRepeats = 256;
// What went wrong longer before a member that served has ended is not why.
constexpr std::chrono::seconds kReasonCounts{10};
// etcd's own lines are shorter; what is longer is cut.
constexpr std::size_t kMaxLineBytes = 4096;

// The words of etcd 3.4 to 3.6.
constexpr std::string_view kServing = "serving client traffic";

bool ReadJson(std::string_view line, google::protobuf::Struct& parsed) {
  return google::protobuf::util::JsonStringToMessage({line.data(), line.size()}, &parsed).ok();
}

struct Explained {
  std::string_view words;     // In what etcd says.
  std::string_view sentence;  // {} is the member's data folder.
};

// The first that fits counts.
constexpr std::array kExplanations = {
    Explained{"no space left on device",
              "the disk that holds {} is full: make room there, and etcd starts again by itself"},
    Explained{
        "disk quota exceeded",
        "the user's disk quota on the file system of {} is used up: raise it, and etcd starts "
        "again by itself"},
    Explained{"input/output error",
              "the disk that holds {} fails to read or write: replace it and let this place join "
              "the pair anew"},
    Explained{"read-only file system", "the file system that holds {} is read-only: mount it anew"},
    Explained{"address already in use",
              "the port that peer_listen names is taken by another process: end that one, or set "
              "another port here and at the other places"},
    Explained{"cannot assign requested address",
              "the address that peer_listen names is not one of this host: set one that is, or "
              "0.0.0.0"},
    Explained{"permanently removed from the cluster",
              "this place's member was removed from the pair's ledger: join the pair anew"},
    Explained{"has been removed from the cluster",
              "this place's member was removed from the pair's ledger: join the pair anew"},
    Explained{"Was the raft log corrupted, truncated, or lost",
              "{} is an older copy of what this member has acknowledged, or damaged: it is not "
              "used; let this place join the pair anew"},
    Explained{"found data inconsistency with peers",
              "{} differs from what the other members have: it is not used; let this place join "
              "the pair anew"},
    Explained{"crc mismatch", "{} is damaged: let this place join the pair anew"},
    Explained{"file does not exist", "a file is missing in {}: let this place join the pair anew"},
    Explained{"unexpected EOF", "{} is damaged: let this place join the pair anew"},
    Explained{"invalid database", "{} is damaged: let this place join the pair anew"},
    Explained{"lower than determined cluster version",
              "the etcd of this place is older than the pair's: install the release that the other "
              "places have"},
    Explained{"holds the file lock",
              "another etcd uses {}: end that one, and this one goes on by itself"},
    Explained{"permission denied",
              "etcd may not read or write {}: give it to the user that this program runs as"},
    Explained{"cluster ID mismatch",
              "the other members are of another ledger than this one: {} is of another pair"},
    Explained{"member count is unequal",
              "the members that run are others than this place knows: it joined a pair that has "
              "changed since"},
    Explained{"incompatible with current running cluster",
              "the members that run are others than this place knows, or there is no majority of "
              "them that it could join: look at the other places"},
    Explained{"clock difference", "this host's clock differs from the others': set it"},
    Explained{"certificate has expired",
              "a certificate has expired, or this host's clock is wrong: look at the clock"},
};

// Warnings of 3.4 and 3.5 that say nothing to anybody here.
constexpr std::array<std::string_view, 4> kIdle = {
    "simple token is not cryptographically signed",  // No token is used.
    "ignoring common name in gRPC-gateway proxy request",
    "established TCP streaming connection with remote peer",
    // Its gateway is all that is called.
    "Running http and grpc server on single port. This is not recommended for production.",
};

// Also where the rest of the line is JSON that nobody reads: 3.4 has names twice in some.
bool IsInformation(std::string_view line) {
  constexpr std::string_view kInformation = R"({"level":"info")";
  return line.starts_with(kInformation) && line.find(kServing) == std::string_view::npos;
}

bool IsIdle(std::string_view message) { return std::ranges::find(kIdle, message) != kIdle.end(); }

std::optional<std::string> Explain(std::string_view line, const std::string& subject) {
  for (const Explained& known : kExplanations) {
    if (line.find(known.words) != std::string_view::npos)
      return fmt::format(fmt::runtime(known.sentence), subject);
  }
  return std::nullopt;
}

using Fields = google::protobuf::Map<std::string, google::protobuf::Value>;

std::string TextOf(const google::protobuf::Value& value) {
  switch (value.kind_case()) {
    case google::protobuf::Value::kStringValue:
      return value.string_value();
    case google::protobuf::Value::kNumberValue:
      return fmt::format("{}", value.number_value());
    case google::protobuf::Value::kBoolValue:
      return value.bool_value() ? "true" : "false";
    default:
      return "...";
  }
}

std::string Field(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : TextOf(found->second);
}

// "lost the TCP streaming connection with remote peer (error: EOF, remote-peer-id: 2f)"
std::string InWords(const Fields& fields) {
  std::map<std::string, std::string> details;
  for (const auto& [name, value] : fields) {
    const bool known = name == "level" || name == "ts" || name == "caller" || name == "msg" ||
                       name == "stacktrace" || name == "logger";
    if (!known) details[name] = TextOf(value);
  }
  std::vector<std::string> pairs;
  pairs.reserve(details.size());
  for (const auto& [name, value] : details) pairs.push_back(fmt::format("{}: {}", name, value));
  const std::string message = Field(fields, "msg");
  return pairs.empty() ? message : fmt::format("{} ({})", message, fmt::join(pairs, ", "));
}

bool IsLastWord(const std::string& level) {
  return level == "error" || level == "dpanic" || level == "panic" || level == "fatal";
}

}  // namespace

MemberLog::MemberLog(std::string subject, std::function<void(const std::string&)> on_line)
    : subject_(std::move(subject)), on_line_(std::move(on_line)) {}

void MemberLog::Begin() {
  unfinished_.clear();
  serving_ = false;
  ending_ = false;
  skipping_ = false;
  reason_.clear();
  explained_ = false;
}

void MemberLog::Take(std::string_view piece, Clock::time_point now) {
  for (std::size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
    unfinished_.append(piece.substr(0, end), 0, kMaxLineBytes);
    Line(std::exchange(unfinished_, {}), now);
    piece.remove_prefix(end + 1);
  }
  if (unfinished_.size() < kMaxLineBytes) unfinished_.append(piece, 0, kMaxLineBytes);
}

void MemberLog::End(Clock::time_point now) { Line(std::exchange(unfinished_, {}), now); }

void MemberLog::Line(std::string_view line, Clock::time_point now) {
  if (line.empty() || skipping_ || IsInformation(line)) return;
  google::protobuf::Struct parsed;
  if (line.front() != '{' || !ReadJson(line, parsed)) {
    // Wrong options, before it has a log, or a panic with its stacks behind it.
    Note(line, reason_.empty(), now);
    skipping_ = line.rfind("panic:", 0) == 0 || line.rfind("fatal error:", 0) == 0;
    Tell(std::string(line), std::string(line), now);
    return;
  }
  const std::string level = Field(parsed.fields(), "level");
  const std::string message = Field(parsed.fields(), "msg");
  if (message.rfind(kServing, 0) == 0) {
    reason_.clear();
    explained_ = false;
    serving_ = true;
  }
  if (level == "info" || level == "debug" || IsIdle(message)) return;
  const std::string words = InWords(parsed.fields());
  if (IsLastWord(level) || !serving_) Note(words, IsLastWord(level), now);
  Tell(message, words, now);
}

void MemberLog::Note(std::string_view words, bool weighty, Clock::time_point now) {
  std::optional<std::string> known = Explain(words, subject_);
  if (!known.has_value() && (!weighty || (explained_ && now - noted_ < kReasonCounts))) return;
  explained_ = known.has_value();
  reason_ = explained_ ? std::move(*known) : std::string(words);
  noted_ = now;
}

std::string MemberLog::Reason(Clock::time_point now) const {
  return serving_ && now - noted_ > kReasonCounts ? "" : reason_;
}

void MemberLog::Tell(const std::string& what, const std::string& line, Clock::time_point now) {
  if (ending_) return;
  if (repeats_.size() >= kMaxRepeats) repeats_.clear();
  const auto [found, fresh] = repeats_.try_emplace(what, Repeats{now, 0});
  Repeats& repeats = found->second;
  if (!fresh && now - repeats.told < kRepeatAfter) {
    ++repeats.more;
    return;
  }
  const std::uint64_t more = std::exchange(repeats.more, 0);
  repeats.told = now;
  on_line_(more == 0 ? line : fmt::format("{}; {} more such since it was last told", line, more));
}

}  // namespace twinseal::etcd
