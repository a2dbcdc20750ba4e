#include "agent/pkcs11/token.h"

#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"

namespace twinseal::pkcs11 {
namespace {

// A chain of certificates, or a key, has some kilobytes.
constexpr std::size_t kMaxFile = 1U << 20U;
// So many keys' facts are kept, half a kilobyte each, and so many certificates, of a kilobyte or
// two. An application uses a few; one that lists a hundred thousand shall not keep them all in its
// memory.
constexpr std::size_t kMaxFacts = 512;
constexpr std::size_t kMaxCertificates = 256;

Result<std::string> ReadWhole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string content((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file.good() && !file.eof())
    return Error(Code::kNotFound, fmt::format("{} cannot be read", path));
  if (content.empty() || content.size() > kMaxFile)
    return Error(Code::kInvalidArgument, fmt::format("{} is no PEM file", path));
  return content;
}

}  // namespace

Result<std::unique_ptr<Token>> Token::Create(const Config& config, std::string label,
                                             std::vector<std::string> endpoints) {
  std::unique_ptr<Token> token(new Token(config, std::move(label), std::move(endpoints)));
  TWINSEAL_RETURN_IF_ERROR(token->ReadFiles());
  return token;
}

Status Token::ReadFiles() {
  TWINSEAL_ASSIGN_OR_RETURN(ca_pem_, ReadWhole(config_.ca));
  TWINSEAL_ASSIGN_OR_RETURN(certificate_pem_, ReadWhole(config_.certificate));
  TWINSEAL_ASSIGN_OR_RETURN(std::string key, ReadWhole(config_.key));
  // RFC 7468 §11, and the older form of RFC 1421 §4.6.1.1.
  needs_login_ = key.find("-----BEGIN ENCRYPTED PRIVATE KEY-----") != std::string::npos ||
                 key.find("Proc-Type: 4,ENCRYPTED") != std::string::npos;
  key_file_ = Secret(AsBytes(key));
  Scrub({reinterpret_cast<std::uint8_t*>(key.data()), key.size()});
  // What cannot be used is to be told now, not at the first signature; but a key that waits for its
  // PIN.
  connect::ClientOptions options = Options();
  if (needs_login_) {
    options.certificate_pem.clear();
  } else {
    options.key_pem = Secret(key_file_.Reveal(SecretAccess()));
  }
  TWINSEAL_RETURN_IF_ERROR(connect::CheckOptions(options));
  TWINSEAL_ASSIGN_OR_RETURN(const auto ca, crypto::ReadPemCertificates(ca_pem_));
  constexpr std::size_t kSerialDigits = 16;  // CK_TOKEN_INFO.serialNumber.
  serial_ = ca.front().Fingerprint().substr(0, kSerialDigits);
  return Ok();
}

connect::ClientOptions Token::Options() const {
  connect::ClientOptions options;
  options.endpoints = endpoints_;
  options.ca_pem = ca_pem_;
  options.certificate_pem = certificate_pem_;
  options.proxy = config_.proxy;
  return options;
}

bool Token::logged_in() const {
  const MutexLock lock(mutex_);
  return logged_in_;
}

Done Token::Login(BytesView pin) {
  const MutexLock lock(mutex_);
  if (logged_in_) return Failure(CKR_USER_ALREADY_LOGGED_IN);
  if (needs_login_) {
    const Result<crypto::SoftwareKey> key =
        crypto::SoftwareKey::FromEncryptedPem(key_file_, Secret(pin));
    if (!key.ok()) {
      const bool wrong = key.error().code() == Code::kPermissionDenied;
      return Failure(wrong ? CKR_PIN_INCORRECT : CKR_GENERAL_ERROR, key.error().message());
    }
    TWINSEAL_ASSIGN_OR_RETURN(Secret pem, key->Pem());
    TWINSEAL_RETURN_IF_ERROR(Open(std::move(pem)));
  }
  logged_in_ = true;
  return {};
}

Done Token::Logout() {
  const MutexLock lock(mutex_);
  if (!std::exchange(logged_in_, false)) return Failure(CKR_USER_NOT_LOGGED_IN);
  if (needs_login_) connection_.reset();
  return {};
}

Outcome<std::shared_ptr<Connection>> Token::Connect() {
  const MutexLock lock(mutex_);
  if (connection_ == nullptr) {
    if (needs_login_) return Failure(CKR_USER_NOT_LOGGED_IN);
    TWINSEAL_RETURN_IF_ERROR(Open(Secret(key_file_.Reveal(SecretAccess()))));
  }
  return connection_;
}

Done Token::Open(Secret key_pem) {
  connect::ClientOptions options = Options();
  options.key_pem = std::move(key_pem);
  Result<std::unique_ptr<client::Caller>> caller = client::Caller::Create(std::move(options));
  if (!caller.ok()) return Failure(CKR_GENERAL_ERROR, caller.error().message());
  connection_ = std::make_shared<Connection>(*std::move(caller), config_.timeout);
  if (stopped_) connection_->Stop();
  return {};
}

Outcome<std::shared_ptr<const KeyFacts>> Token::Facts(const KeyId& key, std::uint32_t version) {
  {
    const MutexLock lock(mutex_);
    const auto known = facts_.find(key);
    if (known != facts_.end() && known->second->current_version >= version) return known->second;
  }
  TWINSEAL_ASSIGN_OR_RETURN(std::shared_ptr<const KeyFacts> facts, Fetch(key.Hex()));
  if (facts->current_version < version) return Failure(CKR_OBJECT_HANDLE_INVALID);
  return facts;
}

Outcome<std::shared_ptr<const KeyFacts>> Token::Fetch(const std::string& key) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::shared_ptr<Connection> connection, Connect());
  Result<KeyFacts> facts = connection->contract().GetKey(key);
  if (facts.ok()) return Keep(*std::move(facts));
  const Code code = facts.error().code();
  if (code == Code::kNotFound || code == Code::kPermissionDenied)
    return Failure(CKR_OBJECT_HANDLE_INVALID, facts.error().message());
  return facts.error();
}

std::shared_ptr<const KeyFacts> Token::Keep(KeyFacts facts) {
  auto kept = std::make_shared<const KeyFacts>(std::move(facts));
  const MutexLock lock(mutex_);
  if (facts_.size() >= kMaxFacts) facts_.clear();
  facts_[kept->id] = kept;
  return kept;
}

Outcome<Token::Certificates> Token::FetchCertificates(const std::string& key,
                                                      const std::string& page_token) {
  TWINSEAL_ASSIGN_OR_RETURN(const std::shared_ptr<Connection> connection, Connect());
  const Result<CertificatePage> page = connection->contract().ListCertificates(key, page_token);
  Certificates fetched;
  if (!page.ok()) {
    const Code code = page.error().code();
    // An appliance of a release that has no inventory does not implement it.
    const bool none =
        code == Code::kNotFound || code == Code::kPermissionDenied || code == Code::kUnimplemented;
    if (none) return fetched;
    return page.error();
  }
  fetched.objects = Keep(ObjectsOf(page->certificates));
  fetched.next = page->next;
  return fetched;
}

Outcome<std::shared_ptr<const CertificateObject>> Token::CertificateOf(const ObjectRef& object) {
  {
    const MutexLock lock(mutex_);
    const auto known = certificates_.find(object);
    if (known != certificates_.end()) return known->second;
  }
  TWINSEAL_ASSIGN_OR_RETURN(const Certificates of_key, FetchCertificates(object.key.Hex(), ""));
  for (const auto& one : of_key.objects) {
    if (one->object == object) return one;
  }
  return Failure(CKR_OBJECT_HANDLE_INVALID);
}

std::vector<std::shared_ptr<const CertificateObject>> Token::Keep(
    std::vector<CertificateObject> certificates) {
  std::vector<std::shared_ptr<const CertificateObject>> kept;
  const MutexLock lock(mutex_);
  for (CertificateObject& one : certificates) {
    if (certificates_.size() >= kMaxCertificates) certificates_.erase(certificates_.begin());
    kept.push_back(std::make_shared<const CertificateObject>(std::move(one)));
    certificates_[kept.back()->object] = kept.back();
  }
  return kept;
}

void Token::Forget(const ObjectRef& certificate) {
  const MutexLock lock(mutex_);
  certificates_.erase(certificate);
}

Outcome<Attributes> Token::AttributesOfHandle(CK_OBJECT_HANDLE handle) {
  const std::optional<ObjectRef> object = handles_.Find(handle);
  if (!object || (object->is_private() && !open())) return Failure(CKR_OBJECT_HANDLE_INVALID);
  if (object->is_certificate()) {
    TWINSEAL_ASSIGN_OR_RETURN(const auto certificate, CertificateOf(*object));
    TWINSEAL_ASSIGN_OR_RETURN(Attributes attributes, AttributesOf(*certificate));
    return attributes;
  }
  TWINSEAL_ASSIGN_OR_RETURN(const auto facts, Facts(object->key, object->version));
  TWINSEAL_ASSIGN_OR_RETURN(Attributes attributes, AttributesOf(*object, *facts, needs_login_));
  return attributes;
}

void Token::Stop() {
  std::shared_ptr<Connection> connection;
  {
    const MutexLock lock(mutex_);
    stopped_ = true;
    connection = connection_;
  }
  if (connection != nullptr) connection->Stop();
}

}  // namespace twinseal::pkcs11
