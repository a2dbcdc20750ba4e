#include "hsm/wrapping/prober.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace twinseal::hsm {
namespace {

// Any 32 bytes will do: they stand for a SHA-256 digest.
constexpr std::array<std::uint8_t, 32> kDigest = {0x54, 0x77, 0x69, 0x6e, 0x73, 0x65, 0x61, 0x6c};
// DigestInfo of SHA-256 (RFC 8017 §9.2, note 1).
constexpr std::array<std::uint8_t, 19> kSha256Info = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60,
                                                      0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
                                                      0x01, 0x05, 0x00, 0x04, 0x20};
constexpr std::array<std::uint8_t, 1> kProbeId = {0x01};

std::size_t Index(KeyKind kind) { return static_cast<std::size_t>(kind); }

std::string Because(std::string_view what, std::string_view name, const Error& error) {
  const std::string& why = error.origin().empty() ? error.message() : error.origin();
  return fmt::format("this HSM cannot {} {} keys ({})", what, name, why);
}

Error NotListed(CK_MECHANISM_TYPE type) {
  return Error(Code::kUnimplemented,
               MechanismName(type) + " is not in the HSM's list of mechanisms",
               "CKR_MECHANISM_INVALID");
}

}  // namespace

void AddNssAttributes(Template& key, BytesView public_value) {
  key.Data(CKA_ID, kProbeId).Data(kCkaNssDb, public_value);
}

bool CapabilityProber::Listed(CK_MECHANISM_TYPE type) const {
  return std::ranges::count(listed_, type) > 0;
}

Status CapabilityProber::Mend() { return session_.ready() ? Ok() : session_.Ensure(); }

Result<Capabilities> CapabilityProber::Run() {
  TWINSEAL_ASSIGN_OR_RETURN(listed_, session_.Mechanisms());
  TWINSEAL_RETURN_IF_ERROR(ProbeSecretKeys());
  for (const KeyKindInfo& info : KeyKinds()) {
    const bool larger_rsa = info.key_type == CKK_RSA && info.kind != KeyKind::kRsa2048;
    if (larger_rsa) {
      InferLargerRsa(info.kind);
    } else {
      TWINSEAL_RETURN_IF_ERROR(ProbeKind(info.kind));
    }
  }
  Tell();
  return std::move(result_);
}

Status CapabilityProber::ProbeSecretKeys() {
  for (const WrapMechanism mechanism : kWrapMechanisms) {
    const Status outcome = TrySecretWrapping(mechanism);
    if (outcome.ok()) {
      result_.secret_wraps_.push_back(mechanism);
    } else if (result_.secret_origin_.empty() || Listed(CkMechanism(mechanism))) {
      result_.secret_origin_ = outcome.error().origin();
    }
    result_.findings_.push_back({fmt::format("{} for AES keys", Name(mechanism)), outcome.ok(),
                                 outcome.ok() ? "" : outcome.error().message()});
    TWINSEAL_RETURN_IF_ERROR(Mend());
  }
  return Ok();
}

Status CapabilityProber::TrySecretWrapping(WrapMechanism mechanism) {
  if (!Listed(CkMechanism(mechanism))) return NotListed(CkMechanism(mechanism));
  TWINSEAL_ASSIGN_OR_RETURN(const ObjectHandle outer, GenerateWrappingKey(session_, {}));
  TWINSEAL_ASSIGN_OR_RETURN(const ObjectHandle inner,
                            GenerateWrappingKey(session_, {.extractable = true}));
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes wrapped,
                            Wrap(session_, mechanism, outer.get(), inner.get()));
  TWINSEAL_ASSIGN_OR_RETURN(const ObjectHandle again, Unwrap(session_, mechanism, outer.get(),
                                                             wrapped, UnwrappedWrappingKey()));
  // The key that came back opens what the first one closed.
  TWINSEAL_ASSIGN_OR_RETURN(const ObjectHandle other,
                            GenerateWrappingKey(session_, {.extractable = true}));
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes proof, Wrap(session_, mechanism, inner.get(), other.get()));
  TWINSEAL_ASSIGN_OR_RETURN(const ObjectHandle opened, Unwrap(session_, mechanism, again.get(),
                                                              proof, UnwrappedWrappingKey()));
  return Ok();
}

Result<CapabilityProber::Subject> CapabilityProber::MakeSubject(KeyKind kind) {
  Subject subject;
  TWINSEAL_ASSIGN_OR_RETURN(subject.pair,
                            GenerateSigningPair(session_, kind, {.extractable = true}));
  TWINSEAL_ASSIGN_OR_RETURN(subject.public_value,
                            ReadPublicValue(session_, kind, subject.pair.public_key.get()));
  TWINSEAL_RETURN_IF_ERROR(
      TrySigning(kind, subject.pair.private_key.get(), subject.pair.public_key.get()));
  return subject;
}

Status CapabilityProber::TrySigning(KeyKind kind, Object private_key, Object public_key) {
  const KeyKindInfo& info = Info(kind);
  Bytes data;
  if (info.key_type == CKK_RSA) data.assign(kSha256Info.begin(), kSha256Info.end());
  data.insert(data.end(), kDigest.begin(), kDigest.end());
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes signature,
                            session_.Sign(Mechanism(info.signature), private_key, data));
  return session_.Verify(Mechanism(info.signature), public_key, data, signature);
}

Status CapabilityProber::TryWrapping(KeyKind kind, WrapMechanism mechanism,
                                     const Subject& subject) {
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes wrapped, Wrap(session_, mechanism, subject.kek.get(),
                                                      subject.pair.private_key.get()));
  const Bytes& public_value =
      Info(kind).key_type == CKK_RSA ? subject.public_value.modulus : subject.public_value.point;
  auto unwrapped = Unwrap(session_, mechanism, subject.kek.get(), wrapped,
                          result_.UnwrapTemplate(kind, public_value));
  if (!unwrapped.ok() && !result_.wants_nss_attributes_ && session_.ready()) {
    Template wider = UnwrappedSigningKey(kind);
    AddNssAttributes(wider, public_value);
    auto second = Unwrap(session_, mechanism, subject.kek.get(), wrapped, wider);
    if (!second.ok())
      return unwrapped.error();  // The standard template's reason is the one to tell.
    result_.wants_nss_attributes_ = true;
    unwrapped = std::move(second);
  }
  if (!unwrapped.ok()) return unwrapped.error();
  return TrySigning(kind, unwrapped->get(), subject.pair.public_key.get());
}

Status CapabilityProber::ProbeKind(KeyKind kind) {
  const KeyKindInfo& info = Info(kind);
  Capabilities::Kind& found = result_.kinds_[Index(kind)];
  const auto cannot = [&](std::string_view what, const Error& error) {
    found.vault_reason = Because(what, info.name, error);
    found.origin = error.origin();
  };

  std::optional<Subject> subject;
  bool refused_by_listed = false;
  for (const CK_MECHANISM_TYPE needed : {info.generation, info.signature}) {
    if (Listed(needed)) continue;
    cannot(needed == info.generation ? "make" : "sign with", NotListed(needed));
    found.token_reason = found.vault_reason;
    return Ok();
  }
  for (const WrapMechanism mechanism : kWrapMechanisms) {
    if (!subject.has_value()) {
      auto made = MakeSubject(kind);
      if (!made.ok()) {
        cannot("make and use", made.error());
        found.token_reason = found.vault_reason;
        return Mend();
      }
      auto kek = GenerateWrappingKey(session_, {});
      if (!kek.ok()) {
        cannot("make AES keys to wrap", kek.error());
        return Mend();
      }
      made->kek = std::move(*kek);
      subject = std::move(*made);
    }
    const Status outcome = Listed(CkMechanism(mechanism))
                               ? TryWrapping(kind, mechanism, *subject)
                               : Status(NotListed(CkMechanism(mechanism)));
    if (outcome.ok()) {
      found.wraps.push_back(mechanism);
    } else if (found.vault_reason.empty() ||
               (Listed(CkMechanism(mechanism)) && !refused_by_listed)) {
      // What a mechanism says that the HSM has is worth more than that it lacks another.
      cannot("wrap", outcome.error());
      refused_by_listed = Listed(CkMechanism(mechanism));
    }
    if (!session_.ready()) {
      subject.reset();
      TWINSEAL_RETURN_IF_ERROR(Mend());
    }
  }
  if (!found.wraps.empty()) {
    found.wrap = found.wraps.front();
    found.vault_reason.clear();
    found.origin.clear();
  }
  return Ok();
}

void CapabilityProber::InferLargerRsa(KeyKind kind) {
  const KeyKindInfo& info = Info(kind);
  Capabilities::Kind& found = result_.kinds_[Index(kind)];
  const Capabilities::Kind& smaller = result_.kinds_[Index(KeyKind::kRsa2048)];
  const auto limits = session_.MechanismInfo(info.generation);
  const bool fits =
      limits.ok() && limits->ulMinKeySize <= info.bits && info.bits <= limits->ulMaxKeySize;
  found = smaller;
  if (smaller.token_reason.empty() && !fits) {
    found = {};
    found.origin = limits.ok() ? "CKR_KEY_SIZE_RANGE" : limits.error().origin();
    found.token_reason = fmt::format("this HSM cannot make {} keys ({})", info.name, found.origin);
    found.vault_reason = found.token_reason;
  }
}

void CapabilityProber::Tell() {
  for (const KeyKindInfo& info : KeyKinds()) {
    const Capabilities::Kind& found = result_.kinds_[Index(info.kind)];
    result_.findings_.push_back(
        {fmt::format("{} in the vault", info.name), found.wrap.has_value(), found.vault_reason});
    result_.findings_.push_back({fmt::format("{} on the token", info.name),
                                 found.token_reason.empty(), found.token_reason});
  }
}

}  // namespace twinseal::hsm
