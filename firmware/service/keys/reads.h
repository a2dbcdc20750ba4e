// What one attempt at a change reads of the ledger.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/ledger/ledger.h"

namespace twinseal::service {

// One thread; `ledger` outlives it. Every call blocks.
class Reads {
 public:
  // What is nearby is quick and may be overtaken, which the commit then finds.
  enum class From { kNearby, kLedger };

  Reads(ledger::Ledger& ledger, From from) : ledger_(ledger), from_(from) {}

  From from() const { return from_; }

  // Reads these in one go, as one revision has them where the engine can; Get answers from them.
  Status Ahead(const std::vector<std::string>& paths);
  void Forget() { ahead_.clear(); }

  Result<std::optional<ledger::Entry>> Get(const std::string& path);

 private:
  ledger::Ledger& ledger_;
  const From from_;
  std::map<std::string, std::optional<ledger::Entry>> ahead_;
};

}  // namespace twinseal::service
