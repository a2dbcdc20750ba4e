#include "agent/pkcs11/search.h"

#include <algorithm>
#include <utility>

#include "common/base/types.h"

namespace twinseal::pkcs11 {
namespace {

bool Agree(const Attributes& wanted, const Attributes& has) {
  return std::ranges::all_of(wanted, [&](const auto& one) {
    const auto found = has.find(one.first);
    return found == has.end() || found->second == one.second;
  });
}

bool Holds(const Attributes& wanted, const Attributes& has) {
  return std::ranges::all_of(wanted, [&](const auto& one) { return has.contains(one.first); });
}

bool IsShown(const KeyFacts& key) {
  return (key.state == v1::ENABLED || key.state == v1::DISABLED) &&
         !key.name.starts_with(KeyName::kReservedPrefix);
}

}  // namespace

Outcome<std::vector<CK_OBJECT_HANDLE>> Search::Next(CK_ULONG most) {
  std::vector<CK_OBJECT_HANDLE> found;
  while (found.size() < most) {
    if (candidates_.empty()) {
      if (done_) break;
      TWINSEAL_RETURN_IF_ERROR(FetchMore());
      continue;
    }
    TWINSEAL_ASSIGN_OR_RETURN(const bool matches, Matches(candidates_.front()));
    if (matches) found.push_back(token_->handles().Of(candidates_.front().object));
    candidates_.pop_front();
  }
  return found;
}

Done Search::FetchMore() {
  const std::optional<CK_ULONG> of_class = NumberOf(wanted_, CKA_CLASS);
  const bool other_class =
      wanted_.contains(CKA_CLASS) && of_class != CKO_PRIVATE_KEY && of_class != CKO_PUBLIC_KEY;
  if (other_class || !token_->open()) {
    done_ = true;
    return {};
  }
  if (const auto id = wanted_.find(CKA_ID); id != wanted_.end()) {
    const std::optional<KeyAndVersion> parsed = ParseCkaId(id->second);
    done_ = true;
    return parsed ? FetchOne(parsed->key.Hex()) : Done();
  }
  if (const auto label = TextOf(wanted_, CKA_LABEL)) {
    done_ = true;
    return KeyName::Parse(*label).ok() ? FetchOne(*label) : Done();
  }
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, token_->Connect());
  TWINSEAL_ASSIGN_OR_RETURN(KeyPage page, connection->contract().ListKeys(page_));
  for (KeyFacts& key : page.keys) Add(std::make_shared<const KeyFacts>(std::move(key)));
  page_ = std::move(page.next);
  done_ = page_.empty();
  return {};
}

// A key that is not there, or not for this client, is not found.
Done Search::FetchOne(const std::string& key) {
  const Outcome<std::shared_ptr<const KeyFacts>> facts = token_->Fetch(key);
  if (!facts.ok() && facts.error().rv == CKR_OBJECT_HANDLE_INVALID) return {};
  if (!facts.ok()) return facts.error();
  Add(*facts);
  return {};
}

void Search::Add(const std::shared_ptr<const KeyFacts>& key) {
  if (!IsShown(*key)) return;
  candidates_.push_back({{key->id, key->current_version, true}, key});
  for (std::uint32_t version = key->current_version; version > 0; --version)
    candidates_.push_back({{key->id, version, false}, key});
}

// First by what is known already, the cheapest first; only what that leaves open is fetched.
Outcome<bool> Search::Matches(const Candidate& candidate) const {
  const auto& [object, key] = candidate;
  const Attributes listed = ListedAttributesOf(object, *key);
  if (!Agree(wanted_, listed)) return false;
  if (Holds(wanted_, listed)) return true;
  const Attributes known = KnownAttributesOf(object, *key, token_->needs_login());
  if (!Agree(wanted_, known)) return false;
  if (Holds(wanted_, known)) return true;
  Outcome<std::shared_ptr<const KeyFacts>> facts = token_->Facts(object.key, object.version);
  // It was there when it was listed.
  if (!facts.ok() && facts.error().rv == CKR_OBJECT_HANDLE_INVALID) return false;
  if (!facts.ok()) return facts.error();
  TWINSEAL_ASSIGN_OR_RETURN(const Attributes all,
                            AttributesOf(object, **facts, token_->needs_login()));
  return Holds(wanted_, all) && Agree(wanted_, all);
}

}  // namespace twinseal::pkcs11
