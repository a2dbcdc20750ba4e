// Looking for objects: those of one key when the template names one, page by page otherwise.
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
  // What is looked through, one after the other.
  enum class Stage { kKeys, kCertificates, kDone };
  struct Candidate {
    ObjectRef object;
    std::shared_ptr<const KeyFacts> key;                   // All that one key brings share them.
    std::shared_ptr<const CertificateObject> certificate;  // In place of that.
  };

  bool Wants(Stage stage) const;
  std::optional<std::string> NamedKey() const;
  Done FetchMore();
  Done FetchKeys(const std::optional<std::string>& named);
  Done FetchCertificates(const std::string& key);
  void Add(const std::shared_ptr<const KeyFacts>& key);
  void TurnTo(std::string page);
  Outcome<bool> Matches(const Candidate& candidate) const;

  Token* token_;
  Attributes wanted_;
  std::deque<Candidate> candidates_;
  Stage stage_ = Stage::kKeys;
  std::string page_;  // Of the stage.
};

}  // namespace twinseal::pkcs11
