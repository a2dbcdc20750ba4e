#include "tests/bench/pair/session.h"

#include <sstream>
#include <vector>

#include <fmt/format.h>

#include "tests/bench/pair/changes.h"
#include "tests/bench/parts/fail.h"
#include "tests/bench/parts/measure.h"

namespace twinseal::bench {
namespace {

constexpr double kMicrosecondsPerSecond = 1e6;

template <typename T>
T Next(std::istream& words) {
  T value{};
  if (!(words >> value)) Fail("a command lacks a word");
  return value;
}

std::vector<std::string> KeyNames(const std::string& prefix, std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(KeyName(prefix, i));
  return names;
}

}  // namespace

Reply Session::Perform(const std::string& line) {
  std::istringstream words(line);
  const auto command = Next<std::string>(words);
  if (command == "sign") return Sign(words);
  if (command == "load") return StartLoad(words);
  if (command == "mark") return Mark();
  if (command == "stop") {
    Reply reply = Mark();
    loads_.clear();
    return reply;
  }
  if (command == "change") return ChangeKeys(words);
  if (command == "ask") return Ask(words);
  if (command == "look") return Look(words);
  Fail("there is no command '" + command + "'");
}

Reply Session::Sign(std::istream& words) {
  const auto ends = Next<std::string>(words);
  const auto count = Next<std::size_t>(words);
  const auto prefix = Next<std::string>(words);
  const auto keys = Next<std::size_t>(words);
  const Milliseconds duration(Next<unsigned>(words));
  const Sample sample =
      SignFor(clients_.Take("sign", ends, count), KeyNames(prefix, keys), duration);
  return Reply()
      .Set("per_second", sample.per_second)
      .Set("p50", Median(sample.latencies_us) / kMicrosecondsPerSecond);
}

Reply Session::StartLoad(std::istream& words) {
  const auto name = Next<std::string>(words);
  const auto ends = Next<std::string>(words);
  const auto count = Next<std::size_t>(words);
  const auto prefix = Next<std::string>(words);
  const auto keys = Next<std::size_t>(words);
  loads_[name] = std::make_unique<SigningLoad>(clients_.Take("load " + name, ends, count),
                                               KeyNames(prefix, keys));
  return {};
}

Reply Session::Mark() {
  std::vector<Reply> loads;
  for (const auto& [name, load] : loads_) {
    const Window window = load->Take();
    loads.push_back(Reply()
                        .Set("name", name)
                        .Set("finished", static_cast<double>(window.finished))
                        .Set("failed", static_cast<double>(window.failed))
                        .Set("longest_gap", window.longest_gap)
                        .Set("longest_call", window.longest_call)
                        .Set("why", window.why));
  }
  return Reply().Set("loads", loads);
}

Reply Session::ChangeKeys(std::istream& words) {
  const Change change = ParseChange(Next<std::string>(words));
  const auto ends = Next<std::string>(words);
  const auto count = Next<std::size_t>(words);
  const auto prefix = Next<std::string>(words);
  Numbers keys;
  keys.from = Next<std::size_t>(words);
  keys.count = Next<std::size_t>(words);
  const Sweep sweep = MakeAll(clients_.Take("change", ends, count), change, prefix, keys);
  return Reply()
      .Set("seconds", sweep.seconds)
      .Set("per_second", static_cast<double>(keys.count) / sweep.seconds)
      .Set("p50", Median(sweep.latencies_us) / kMicrosecondsPerSecond)
      .Set("longest", Quantile(sweep.latencies_us, 1) / kMicrosecondsPerSecond)
      .Set("failed", static_cast<double>(sweep.failed))
      .Set("why", sweep.why);
}

Reply Session::Ask(std::istream& words) {
  const auto ends = Next<std::string>(words);
  const auto prefix = Next<std::string>(words);
  std::vector<client::Caller*> clients;
  std::vector<Asked> changes;
  std::istringstream names(ends);
  for (std::string end; std::getline(names, end, ',');) {
    client::Caller* const client = clients_.Take("change", end, 1).front();
    clients.insert(clients.end(), 2, client);
    const std::string own = fmt::format("{}-{}", prefix, end);
    changes.push_back({Change::kCreate, KeyName(own, 1), 0, {}});
    changes.push_back({Change::kDisable, KeyName(own, 0), 0, {}});
  }
  AskAtOnce(clients, changes);
  std::vector<Reply> answers;
  for (const Asked& asked : changes) {
    answers.push_back(Reply()
                          .Set("change", asked.change == Change::kCreate ? "create" : "disable")
                          .Set("key", asked.key)
                          .Set("answered", asked.answered)
                          .Set("error", asked.error));
  }
  return Reply().Set("answers", answers);
}

Reply Session::Look(std::istream& words) {
  const auto end = Next<std::string>(words);
  const auto prefix = Next<std::string>(words);
  Numbers keys;
  keys.from = Next<std::size_t>(words);
  keys.count = Next<std::size_t>(words);
  const auto step = Next<std::size_t>(words);
  const Standing standing = LookAt(*clients_.Take("look", end, 1).front(), prefix, keys, step);
  return Reply()
      .Set("sign", static_cast<double>(standing.sign))
      .Set("refused", static_cast<double>(standing.refused))
      .Set("other", standing.other);
}

}  // namespace twinseal::bench
