#include "tests/support/pkcs11/client_files.h"

#include <cstring>
#include <fstream>
#include <memory>
#include <stdexcept>

#include <openssl/pem.h>

namespace twinseal::test {
namespace {

std::string EncryptedPem(const crypto::SoftwareKey& key) {
  const std::unique_ptr<BIO, int (*)(BIO*)> pem(BIO_new(BIO_s_mem()), BIO_free);
  if (pem == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(pem.get(), key.native(), EVP_aes_256_cbc(), kPin,
                                    static_cast<int>(std::strlen(kPin)), nullptr, nullptr) != 1) {
    throw std::runtime_error("OpenSSL encrypts no key");
  }
  const char* text = nullptr;
  const long size = BIO_get_mem_data(pem.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace

ClientFiles::ClientFiles(const TestCa& ca) {
  const auto client = ca.Client("alice");
  Write("ca.pem", ca.certificate().Pem());
  Write("client.pem", client.CertificatePem());
  const Secret pem = client.KeyPem();
  Write("client.key", std::string(AsText(pem.Reveal(SecretAccess()))));
  Write("client-pin.key", EncryptedPem(client.key));
}

void ClientFiles::Write(const std::string& name, const std::string& content) const {
  std::ofstream file(folder_ / name, std::ios::binary | std::ios::trunc);
  file << content;
  if (!file.flush()) throw std::runtime_error("cannot write " + name);
}

std::string ClientFiles::Identity(bool with_pin) const {
  const auto line = [&](const std::string& setting, const std::string& name) {
    return setting + " = \"" + Path(name) + "\"\n";
  };
  return line("ca", "ca.pem") + line("certificate", "client.pem") +
         line("key", with_pin ? "client-pin.key" : "client.key");
}

std::string ClientFiles::Configure(const std::vector<std::string>& endpoints, bool with_pin,
                                   const std::string& more) const {
  std::string list;
  for (const std::string& endpoint : endpoints)
    list += (list.empty() ? "\"" : ", \"") + endpoint + "\"";
  Write("pkcs11.conf", "endpoints = [" + list + "]\n" + Identity(with_pin) + more);
  return Path("pkcs11.conf");
}

}  // namespace twinseal::test
