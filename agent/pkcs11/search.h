// Looking for objects: one key when the template names one, page by page otherwise.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/pkcs11/attributes.h"
#include "agent/pkcs11/token.h"

namespace twinseal::pkcs11 {

// One thread at a time.
class Search {
 public:
  Search(Token& token, Attributes wanted) : token_(&token), wanted_(std::move(wanted)) {}

  // At most `most` more; none when all are found. The appliance is asked here, for no more than it
  // takes: a label or an id names one key.
  Outcome<std::vector<CK_OBJECT_HANDLE>> Next(CK_ULONG most);

 private:
  struct Candidate {
    ObjectRef object;
    std::shared_ptr<const KeyFacts> key;  // All that one key brings share them.
  };

  Done FetchMore();
  Done FetchOne(const std::string& key);
  void Add(const std::shared_ptr<const KeyFacts>& key);
  Outcome<bool> Matches(const Candidate& candidate) const;

  Token* token_;
  Attributes wanted_;
  std::deque<Candidate> candidates_;
  std::string page_;
  bool done_ = false;
};

}  // namespace twinseal::pkcs11
