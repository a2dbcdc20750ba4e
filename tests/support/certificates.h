// A CA and what it issues, made for one test.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/base/secret.h"
#include "common/crypto/issue.h"
#include "common/crypto/software_key.h"
#include "common/crypto/tls.h"
#include "common/crypto/x509.h"

namespace twinseal::test {

struct Identity {
  crypto::SoftwareKey key;
  crypto::Certificate certificate;

  std::string CertificatePem() const { return certificate.Pem(); }
  Secret KeyPem() const { return *key.Pem(); }
};

class TestCa {
 public:
  using Days = std::chrono::days;

  explicit TestCa(const std::string& name = "Test CA");
  // Certified by another.
  TestCa(const TestCa& issuer, const std::string& name);

  const crypto::Certificate& certificate() const { return certificate_; }
  // For 127.0.0.1, valid from yesterday until `days` from now.
  Identity Server(Days days = Days(7)) const;
  // Of a member of a cluster, which is server and client to the others; for 127.0.0.1.
  Identity Member() const;
  // With the URI name twinseal:operator/NAME.
  Identity Client(const std::string& name, Days days = Days(7)) const;
  // With this URI name.
  Identity Caller(const std::string& uri, Days days = Days(7)) const;
  // For somebody else's key.
  crypto::Certificate Certify(const crypto::PublicKey& key, const std::string& name) const;
  // The same, issued by the key of a certificate that may not issue.
  struct Unentitled {
    crypto::Certificate certificate;
    crypto::Certificate issuer;
  };
  Unentitled CertifyUnentitled(const crypto::PublicKey& key, const std::string& name) const;
  // As of a member, for the key of a certification request; throws when that cannot be read.
  crypto::Certificate CertifyMember(const std::string& csr_pem) const;
  std::shared_ptr<const crypto::ServerTls> ServerTls(const Identity& server) const;

 private:
  Identity Issue(crypto::CertificateBlueprint blueprint, const crypto::SoftwareKey& key) const;

  crypto::SoftwareKey key_;
  crypto::Certificate certificate_;
};

}  // namespace twinseal::test
