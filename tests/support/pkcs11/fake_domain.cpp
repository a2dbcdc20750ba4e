#include "tests/support/pkcs11/fake_domain.h"

#include <memory>
#include <stdexcept>

#include <openssl/evp.h>
#include <openssl/pem.h>

namespace twinseal::test {
namespace {

EVP_PKEY* Generate(const crypto::AlgorithmInfo& algorithm) {
  switch (algorithm.family) {
    case crypto::Family::kRsa:
      return EVP_RSA_gen(static_cast<unsigned>(algorithm.bits));
    case crypto::Family::kEcdsa:
      return EVP_EC_gen(std::string(algorithm.curve).c_str());
    case crypto::Family::kEd25519:
      break;
  }
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

Error NoSuchKey(const std::string& key) {
  return Error(Code::kNotFound, "there is no key '" + key + "'");
}

void AddVersion(v1::Key& key, const crypto::PublicKey& public_key) {
  key.set_current_version(key.current_version() + 1);
  v1::KeyVersionInfo& version = *key.add_versions();
  version.set_version(key.current_version());
  version.set_public_key_der(ToString(public_key.der()));
}

}  // namespace

crypto::SoftwareKey MakeSoftwareKey(v1::Algorithm algorithm) {
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(Generate(*crypto::Find(algorithm)),
                                                           EVP_PKEY_free);
  const std::unique_ptr<BIO, int (*)(BIO*)> pem(BIO_new(BIO_s_mem()), BIO_free);
  if (key == nullptr || pem == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(pem.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    throw std::runtime_error("OpenSSL makes no key");
  }
  const char* text = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &text);
  return crypto::SoftwareKey::FromPem(Secret(AsBytes({text, static_cast<std::size_t>(size)})))
      .value();
}

FakeDomain::Record& FakeDomain::Store(const std::string& name, const crypto::SoftwareKey& key) {
  Record& record = records_[name] = {};
  record.key.set_key_id(KeyId::Random().Hex());
  record.key.set_name(name);
  record.key.set_algorithm(key.public_key().algorithm());
  record.key.set_storage(v1::VAULT);
  record.key.set_state(v1::ENABLED);
  record.key.mutable_policy()->set_max_signatures_per_activation(1);
  record.versions = {key};
  AddVersion(record.key, key.public_key());
  names_[record.key.key_id()] = name;
  return record;
}

void FakeDomain::Add(const std::string& name, const crypto::SoftwareKey& key) {
  const MutexLock lock(mutex_);
  Store(name, key);
}

void FakeDomain::Rotate(const std::string& name) {
  const MutexLock lock(mutex_);
  Record& record = records_.at(name);
  record.versions.push_back(MakeSoftwareKey(record.key.algorithm()));
  AddVersion(record.key, record.versions.back().public_key());
}

void FakeDomain::SetState(const std::string& name, v1::KeyState state) {
  const MutexLock lock(mutex_);
  records_.at(name).key.set_state(state);
}

void FakeDomain::Veil(const std::string& name) {
  const MutexLock lock(mutex_);
  records_.at(name).veiled = true;
}

const FakeDomain::Record* FakeDomain::Find(const std::string& name_or_id) const {
  const auto id = names_.find(name_or_id);
  const auto found = records_.find(id == names_.end() ? name_or_id : id->second);
  return found == records_.end() || found->second.veiled ? nullptr : &found->second;
}

Result<v1::Key> FakeDomain::Get(const v1::GetKeyRequest& request) const {
  const MutexLock lock(mutex_);
  const Record* const record = Find(request.key());
  if (record == nullptr) return NoSuchKey(request.key());
  return record->key;
}

Result<v1::ListKeysResponse> FakeDomain::List(const v1::ListKeysRequest& request) const {
  const MutexLock lock(mutex_);
  v1::ListKeysResponse response;
  auto next = records_.upper_bound(request.page_token());
  for (; next != records_.end(); ++next) {
    if (static_cast<std::uint32_t>(response.keys_size()) == request.page_size()) break;
    *response.add_keys() = next->second.key;
    response.mutable_keys()->rbegin()->clear_versions();
  }
  if (next != records_.end()) response.set_next_page_token(response.keys().rbegin()->name());
  return response;
}

std::size_t FakeDomain::create_ids() const {
  const MutexLock lock(mutex_);
  return create_ids_.size();
}

Result<v1::Key> FakeDomain::Create(const v1::CreateKeyRequest& request) {
  const MutexLock lock(mutex_);
  create_ids_.insert(request.request_id());
  if (const Record* const old = Find(request.name()); old != nullptr) {
    if (old->made_by == request.request_id()) return old->key;
    return Error(Code::kAlreadyExists, "there is a key '" + request.name() + "' already");
  }
  Record& made = Store(request.name(), MakeSoftwareKey(request.algorithm()));
  made.made_by = request.request_id();
  return made.key;
}

Result<v1::Key> FakeDomain::Destroy(const v1::ScheduleKeyDestructionRequest& request) {
  const MutexLock lock(mutex_);
  const Record* const found = Find(request.key());
  if (found == nullptr) return NoSuchKey(request.key());
  Record& record = records_.at(found->key.name());
  record.key.set_state(v1::PENDING_DESTRUCTION);
  return record.key;
}

Result<v1::SignResponse> FakeDomain::Sign(const v1::SignRequest& request) const {
  v1::SignBatchRequest batch;
  batch.set_key(request.key());
  batch.set_scheme(request.scheme());
  batch.set_version(request.version());
  batch.add_digests(request.digest());
  TWINSEAL_ASSIGN_OR_RETURN(const v1::SignBatchResponse done, SignBatch(batch));
  v1::SignResponse response;
  response.set_signature(done.signatures(0));
  response.set_key_id(done.key_id());
  response.set_version(done.version());
  response.set_scheme(done.scheme());
  return response;
}

void FakeDomain::Share(const std::string& name, std::uint32_t most) {
  const MutexLock lock(mutex_);
  records_.at(name).key.mutable_policy()->set_max_signatures_per_activation(most);
}

Result<v1::SignBatchResponse> FakeDomain::SignBatch(const v1::SignBatchRequest& request) const {
  const auto size = static_cast<std::size_t>(request.digests_size());
  std::size_t largest = largest_batch_.load();
  while (size > largest && !largest_batch_.compare_exchange_weak(largest, size)) {
  }
  const auto signer = [&]() -> Result<Record> {
    const MutexLock lock(mutex_);
    const Record* const record = Find(request.key());
    if (record == nullptr) return NoSuchKey(request.key());
    return *record;
  };
  TWINSEAL_ASSIGN_OR_RETURN(const Record record, signer());
  if (record.key.state() != v1::ENABLED)
    return Error(Code::kFailedPrecondition, "the key '" + record.key.name() + "' is not enabled");
  if (request.version() != 0 && request.version() != record.key.current_version())
    return Error(Code::kFailedPrecondition, "that version of the key does not sign");
  v1::SignBatchResponse response;
  for (const std::string& digest : request.digests()) {
    TWINSEAL_ASSIGN_OR_RETURN(const Bytes signature,
                              record.versions.back().Sign(request.scheme(), AsBytes(digest)));
    response.add_signatures(ToString(signature));
  }
  response.set_key_id(record.key.key_id());
  response.set_version(record.key.current_version());
  response.set_scheme(request.scheme());
  return response;
}

void FakeDomain::Certify(const std::string& name, std::uint32_t version,
                         const crypto::Certificate& certificate,
                         const std::vector<crypto::Certificate>& issuers) {
  v1::Certificate one;
  one.set_certificate_id(certificate.Fingerprint());
  one.set_key_name(name);
  one.set_key_version(version);
  one.set_certificate_der(ToString(certificate.der()));
  for (const crypto::Certificate& issuer : issuers) one.add_issuers_der(ToString(issuer.der()));
  const MutexLock lock(mutex_);
  Record& record = records_.at(name);
  one.set_key_id(record.key.key_id());
  std::erase_if(record.certificates, [&](const v1::Certificate& other) {
    return other.certificate_id() == one.certificate_id();
  });
  record.certificates.insert(record.certificates.begin(), std::move(one));
}

Result<v1::ListCertificatesResponse> FakeDomain::ListCertificates(
    const v1::ListCertificatesRequest& request) const {
  const MutexLock lock(mutex_);
  v1::ListCertificatesResponse response;
  const auto add = [&](const Record& record) {
    for (const v1::Certificate& one : record.certificates) *response.add_certificates() = one;
  };
  if (!request.key().empty()) {
    const Record* const record = Find(request.key());
    if (record == nullptr) return NoSuchKey(request.key());
    add(*record);
    return response;
  }
  const auto next = records_.upper_bound(request.page_token());
  if (next == records_.end()) return response;
  add(next->second);
  if (std::next(next) != records_.end()) response.set_next_page_token(next->first);
  return response;
}

Result<v1::Certificate> FakeDomain::ImportCertificate(const v1::ImportCertificateRequest& request) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto read,
                            crypto::Certificate::FromDer(AsBytes(request.certificates_der(0))));
  std::string name;
  {
    const MutexLock lock(mutex_);
    const Record* const record = Find(request.key());
    if (record == nullptr) return NoSuchKey(request.key());
    name = record->key.name();
    const Bytes public_key = read.SubjectPublicKeyInfo();
    if (record->key.versions().rbegin()->public_key_der() != AsText(public_key))
      return Error(Code::kInvalidArgument, "none is for the key");
  }
  Certify(name, 1, read);
  const MutexLock lock(mutex_);
  return records_.at(name).certificates.front();
}

Result<v1::Certificate> FakeDomain::RemoveCertificate(const v1::RemoveCertificateRequest& request) {
  const MutexLock lock(mutex_);
  const Record* const record = Find(request.key());
  if (record == nullptr) return NoSuchKey(request.key());
  std::vector<v1::Certificate>& all = records_.at(record->key.name()).certificates;
  for (auto one = all.begin(); one != all.end(); ++one) {
    if (one->certificate_id() != request.certificate_id()) continue;
    v1::Certificate removed = std::move(*one);
    all.erase(one);
    return removed;
  }
  return Error(Code::kNotFound, "the key has no such certificate");
}

}  // namespace twinseal::test
