// A token: the pair, or one site of it, as one client sees it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/pkcs11/attributes.h"
#include "agent/pkcs11/batches.h"
#include "agent/pkcs11/certificates.h"
#include "agent/pkcs11/config.h"
#include "agent/pkcs11/contract.h"
#include "agent/pkcs11/objects.h"
#include "agent/pkcs11/outcome.h"
#include "common/base/mutex.h"
#include "common/base/secret.h"
#include "common/client/caller.h"

namespace twinseal::pkcs11 {

// The way to the appliances. Ends with the last call that uses it.
class Connection {
 public:
  Connection(std::unique_ptr<client::Caller> caller, std::chrono::milliseconds timeout)
      : caller_(std::move(caller)), contract_(*caller_, timeout), batches_(contract_, timeout) {}

  const Contract& contract() const { return contract_; }
  // With others that wait for the key, as far as its policy lets them share an activation.
  Result<Bytes> Sign(const Contract::Signing& signing, const Bytes& digest,
                     std::size_t signatures_per_activation) {
    return batches_.Sign(signing, digest, signatures_per_activation);
  }

  // Ends the calls under way, and those to come.
  void Stop() { caller_->Stop(); }

 private:
  std::unique_ptr<client::Caller> caller_;
  Contract contract_;
  Batches batches_;
};

// Thread-safe.
class Token {
 public:
  // Reads the files that the configuration names. The errors of reading them, and
  // invalid_argument for what cannot be used.
  static Result<std::unique_ptr<Token>> Create(const Config& config, std::string label,
                                               std::vector<std::string> endpoints);

  const std::string& label() const { return label_; }
  // 16 hexadecimal digits: the domain's operator CA.
  const std::string& serial() const { return serial_; }

  // Whether the client's key is encrypted, so that a PIN opens it.
  bool needs_login() const { return needs_login_; }
  bool logged_in() const TWINSEAL_EXCLUDES(mutex_);
  // Whether keys may be seen and used now.
  bool open() const { return !needs_login_ || logged_in(); }
  // CKR_PIN_INCORRECT, CKR_USER_ALREADY_LOGGED_IN; CKR_GENERAL_ERROR for a key that is not the
  // certificate's.
  Done Login(BytesView pin) TWINSEAL_EXCLUDES(mutex_);
  // CKR_USER_NOT_LOGGED_IN.
  Done Logout() TWINSEAL_EXCLUDES(mutex_);

  // CKR_USER_NOT_LOGGED_IN. No connection is made before it is used.
  Outcome<std::shared_ptr<Connection>> Connect() TWINSEAL_EXCLUDES(mutex_);

  // The key's facts as an appliance has them now, by name or by id in hexadecimal.
  // CKR_OBJECT_HANDLE_INVALID when there is no such key for this client.
  Outcome<std::shared_ptr<const KeyFacts>> Fetch(const std::string& key) TWINSEAL_EXCLUDES(mutex_);
  // The key's facts as last seen, or fetched when the version is not among them.
  // CKR_OBJECT_HANDLE_INVALID when the key is gone, or no longer for this client.
  Outcome<std::shared_ptr<const KeyFacts>> Facts(const KeyId& key, std::uint32_t version)
      TWINSEAL_EXCLUDES(mutex_);
  // What an appliance has just told.
  std::shared_ptr<const KeyFacts> Keep(KeyFacts facts) TWINSEAL_EXCLUDES(mutex_);
  // The certificates of a key, by name or by id in hexadecimal, or with "" of all keys, page by
  // page; none for a key that is not there or not for this client.
  struct Certificates {
    std::vector<std::shared_ptr<const CertificateObject>> objects;
    std::string next;  // Empty on the last page.
  };
  Outcome<Certificates> FetchCertificates(const std::string& key, const std::string& page_token)
      TWINSEAL_EXCLUDES(mutex_);
  // As last seen, or fetched. CKR_OBJECT_HANDLE_INVALID when it is gone.
  Outcome<std::shared_ptr<const CertificateObject>> CertificateOf(const ObjectRef& object)
      TWINSEAL_EXCLUDES(mutex_);
  // What an appliance has just told, in its order.
  std::vector<std::shared_ptr<const CertificateObject>> Keep(
      std::vector<CertificateObject> certificates) TWINSEAL_EXCLUDES(mutex_);
  // What is gone.
  void Forget(const ObjectRef& certificate) TWINSEAL_EXCLUDES(mutex_);
  // CKR_OBJECT_HANDLE_INVALID when there is no such object.
  Outcome<Attributes> AttributesOfHandle(CK_OBJECT_HANDLE handle);

  Handles& handles() { return handles_; }

  // Ends the calls under way, and those to come.
  void Stop() TWINSEAL_EXCLUDES(mutex_);

 private:
  Token(const Config& config, std::string label, std::vector<std::string> endpoints)
      : config_(config), label_(std::move(label)), endpoints_(std::move(endpoints)) {}

  Status ReadFiles();
  connect::ClientOptions Options() const;
  Done Open(Secret key_pem) TWINSEAL_REQUIRES(mutex_);

  const Config config_;
  const std::string label_;
  std::string serial_;
  bool needs_login_ = false;
  std::vector<std::string> endpoints_;
  std::string ca_pem_;
  std::string certificate_pem_;
  Secret key_file_;
  Handles handles_;

  mutable Mutex mutex_;
  bool logged_in_ TWINSEAL_GUARDED_BY(mutex_) = false;
  bool stopped_ TWINSEAL_GUARDED_BY(mutex_) = false;
  std::shared_ptr<Connection> connection_ TWINSEAL_GUARDED_BY(mutex_);
  std::map<KeyId, std::shared_ptr<const KeyFacts>> facts_ TWINSEAL_GUARDED_BY(mutex_);
  std::map<ObjectRef, std::shared_ptr<const CertificateObject>> certificates_
      TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::pkcs11
