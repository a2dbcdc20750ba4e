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
      if (stage_ == Stage::kDone) break;
      const Done fetched = FetchMore();
      // What was found is told first; the next call meets the error again.
      if (!fetched.ok() && found.empty()) return fetched.error();
      if (!fetched.ok()) break;
      continue;
    }
    const Outcome<bool> matches = Matches(candidates_.front());
    if (!matches.ok() && found.empty()) return matches.error();
    if (!matches.ok()) break;
    if (*matches) found.push_back(token_->handles().Of(candidates_.front().object));
    candidates_.pop_front();
  }
  return found;
}

bool Search::Wants(Stage stage) const {
  if (!token_->open()) return false;
  if (!wanted_.contains(CKA_CLASS)) return true;
  const std::optional<CK_ULONG> of_class = NumberOf(wanted_, CKA_CLASS);
  return stage == Stage::kKeys ? of_class == CKO_PRIVATE_KEY || of_class == CKO_PUBLIC_KEY
                               : of_class == CKO_CERTIFICATE;
}

// The key that the template names by id or label: "" when no key can be so called, nothing when the
// template does not say.
std::optional<std::string> Search::NamedKey() const {
  if (const auto id = wanted_.find(CKA_ID); id != wanted_.end()) {
    const std::optional<KeyAndVersion> parsed = ParseCkaId(id->second);
    return parsed ? parsed->key.Hex() : "";
  }
  const std::optional<std::string> label = TextOf(wanted_, CKA_LABEL);
  if (!label) return std::nullopt;
  const std::string name = stage_ == Stage::kKeys ? *label : KeyNameIn(*label);
  return KeyName::Parse(name).ok() ? name : "";
}

Done Search::FetchMore() {
  const std::optional<std::string> named = NamedKey();
  if (!Wants(stage_) || (named && named->empty())) {
    TurnTo("");
    return {};
  }
  return stage_ == Stage::kKeys ? FetchKeys(named) : FetchCertificates(named.value_or(""));
}

// A key that is not there, or not for this client, is not found.
Done Search::FetchKeys(const std::optional<std::string>& named) {
  if (named) {
    const Outcome<std::shared_ptr<const KeyFacts>> facts = token_->Fetch(*named);
    if (!facts.ok() && facts.error().rv != CKR_OBJECT_HANDLE_INVALID) return facts.error();
    if (facts.ok()) Add(*facts);
    TurnTo("");
    return {};
  }
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, token_->Connect());
  TWINSEAL_ASSIGN_OR_RETURN(KeyPage page, connection->contract().ListKeys(page_));
  for (KeyFacts& key : page.keys) Add(std::make_shared<const KeyFacts>(std::move(key)));
  TurnTo(std::move(page.next));
  return {};
}

Done Search::FetchCertificates(const std::string& key) {
  TWINSEAL_ASSIGN_OR_RETURN(Token::Certificates page, token_->FetchCertificates(key, page_));
  for (auto& certificate : page.objects) {
    const ObjectRef object = certificate->object;
    candidates_.push_back({object, nullptr, std::move(certificate)});
  }
  TurnTo(std::move(page.next));
  return {};
}

// To the stage's next page, or to the next stage when there is none.
void Search::TurnTo(std::string page) {
  page_ = std::move(page);
  if (page_.empty()) stage_ = stage_ == Stage::kKeys ? Stage::kCertificates : Stage::kDone;
}

void Search::Add(const std::shared_ptr<const KeyFacts>& key) {
  if (!IsShown(*key)) return;
  candidates_.push_back({{key->id, key->current_version, ObjectKind::kPrivateKey}, key, nullptr});
  for (std::uint32_t version = key->current_version; version > 0; --version)
    candidates_.push_back({{key->id, version, ObjectKind::kPublicKey}, key, nullptr});
}

// First by what is known already, the cheapest first; only what that leaves open is fetched.
Outcome<bool> Search::Matches(const Candidate& candidate) const {
  const auto& [object, key, certificate] = candidate;
  if (certificate != nullptr) {
    const Attributes listed = ListedAttributesOf(*certificate);
    if (!Agree(wanted_, listed)) return false;
    if (Holds(wanted_, listed)) return true;
    const Result<Attributes> all = AttributesOf(*certificate);
    // One that this release cannot read is nobody's.
    return all.ok() && Holds(wanted_, *all) && Agree(wanted_, *all);
  }
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
