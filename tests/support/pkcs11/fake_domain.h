// The keys of a domain, in this process's memory: what the sites of a pair have in common.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/mutex.h"
#include "common/base/types.h"
#include "common/crypto/software_key.h"
#include "common/crypto/x509.h"
#include "twinseal/v1/certificates.pb.h"
#include "twinseal/v1/keys.pb.h"
#include "twinseal/v1/signing.pb.h"

namespace twinseal::test {

// Throws when OpenSSL cannot make one.
crypto::SoftwareKey MakeSoftwareKey(v1::Algorithm algorithm);

// Answers as an appliance does, and with the same errors. Thread-safe.
class FakeDomain {
 public:
  // In place of one of that name.
  void Add(const std::string& name, const crypto::SoftwareKey& key) TWINSEAL_EXCLUDES(mutex_);
  // A key of its own.
  void Make(const std::string& name, v1::Algorithm algorithm) {
    Add(name, MakeSoftwareKey(algorithm));
  }
  // Version n + 1 with a key of its own.
  void Rotate(const std::string& name) TWINSEAL_EXCLUDES(mutex_);
  void SetState(const std::string& name, v1::KeyState state) TWINSEAL_EXCLUDES(mutex_);
  // How many signatures may share an activation by the key's policy; 1 for a new key.
  void Share(const std::string& name, std::uint32_t most) TWINSEAL_EXCLUDES(mutex_);
  // Of those that were asked for.
  std::size_t largest_batch() const { return largest_batch_.load(); }
  // It is in listings, and nobody may see more of it: so a key looks that goes meanwhile.
  void Veil(const std::string& name) TWINSEAL_EXCLUDES(mutex_);

  // What the inventory has of a key: the newest first. Its issuers go with a certificate.
  void Certify(const std::string& name, std::uint32_t version,
               const crypto::Certificate& certificate,
               const std::vector<crypto::Certificate>& issuers = {}) TWINSEAL_EXCLUDES(mutex_);
  // Each page of a listing of all certificates is one key's.
  Result<v1::ListCertificatesResponse> ListCertificates(
      const v1::ListCertificatesRequest& request) const TWINSEAL_EXCLUDES(mutex_);
  Result<v1::Certificate> ImportCertificate(const v1::ImportCertificateRequest& request)
      TWINSEAL_EXCLUDES(mutex_);
  Result<v1::Certificate> RemoveCertificate(const v1::RemoveCertificateRequest& request)
      TWINSEAL_EXCLUDES(mutex_);

  // How many different ids there were of requests to make a key.
  std::size_t create_ids() const TWINSEAL_EXCLUDES(mutex_);

  // The procedures of the contract. A request id makes one key.
  Result<v1::Key> Get(const v1::GetKeyRequest& request) const TWINSEAL_EXCLUDES(mutex_);
  Result<v1::ListKeysResponse> List(const v1::ListKeysRequest& request) const
      TWINSEAL_EXCLUDES(mutex_);
  Result<v1::Key> Create(const v1::CreateKeyRequest& request) TWINSEAL_EXCLUDES(mutex_);
  Result<v1::Key> Destroy(const v1::ScheduleKeyDestructionRequest& request)
      TWINSEAL_EXCLUDES(mutex_);
  Result<v1::SignResponse> Sign(const v1::SignRequest& request) const TWINSEAL_EXCLUDES(mutex_);
  Result<v1::SignBatchResponse> SignBatch(const v1::SignBatchRequest& request) const
      TWINSEAL_EXCLUDES(mutex_);

 private:
  struct Record {
    v1::Key key;
    std::vector<crypto::SoftwareKey> versions;
    std::string made_by;  // The request id.
    std::vector<v1::Certificate> certificates;
    bool veiled = false;
  };

  // Null when there is none of the name or id.
  const Record* Find(const std::string& name_or_id) const TWINSEAL_REQUIRES(mutex_);
  Record& Store(const std::string& name, const crypto::SoftwareKey& key) TWINSEAL_REQUIRES(mutex_);

  mutable Mutex mutex_;
  std::map<std::string, Record, std::less<>> records_ TWINSEAL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> names_ TWINSEAL_GUARDED_BY(mutex_);  // By id.
  mutable std::atomic<std::size_t> largest_batch_{0};
  std::set<std::string> create_ids_ TWINSEAL_GUARDED_BY(mutex_);
};

}  // namespace twinseal::test
