#include "agent/pkcs11/contract.h"

#include <memory>
#include <type_traits>
#include <utility>

#include "twinseal/v1/appliance.pb-c.h"
#include "twinseal/v1/certificates.pb-c.h"
#include "twinseal/v1/signing.pb-c.h"

namespace twinseal::pkcs11 {
namespace {

constexpr unsigned kPageSize = 500;

Error Unreadable() {
  return Error(Code::kInternal,
               "an appliance gave an answer that cannot be read; are it and this module of the "
               "same release?");
}

// A procedure, by the functions that protobuf-c makes for its request and its response.
template <auto Size, auto Pack, auto Unpack, auto Free>
struct Procedure {
  using Response = std::remove_pointer_t<decltype(Unpack(nullptr, 0, nullptr))>;
  struct Freer {
    void operator()(Response* response) const { Free(response, nullptr); }
  };
  using Owner = std::unique_ptr<Response, Freer>;

  template <typename Request>
  static Result<Owner> Call(client::Caller& caller, std::chrono::milliseconds timeout,
                            std::string_view path, const Request& request) {
    std::string body(Size(&request), '\0');
    Pack(&request, reinterpret_cast<std::uint8_t*>(body.data()));
    TWINSEAL_ASSIGN_OR_RETURN(const client::Answer answer,
                              caller.Exchange(path, body, {.timeout = timeout}));
    const auto* const bytes = reinterpret_cast<const std::uint8_t*>(answer.body.data());
    Owner response(Unpack(nullptr, answer.body.size(), bytes));
    if (response == nullptr) return Unreadable();
    return response;
  }
};

#define TWINSEAL_PROCEDURE(request, response)                                            \
  Procedure<twinseal__v1__##request##__get_packed_size, twinseal__v1__##request##__pack, \
            twinseal__v1__##response##__unpack, twinseal__v1__##response##__free_unpacked>

using GetKeyCall = TWINSEAL_PROCEDURE(get_key_request, key);
using ListKeysCall = TWINSEAL_PROCEDURE(list_keys_request, list_keys_response);
using CreateKeyCall = TWINSEAL_PROCEDURE(create_key_request, key);
using DestroyKeyCall = TWINSEAL_PROCEDURE(schedule_key_destruction_request, key);
using ListCertificatesCall = TWINSEAL_PROCEDURE(list_certificates_request,
                                                list_certificates_response);
using ImportCertificateCall = TWINSEAL_PROCEDURE(import_certificate_request, certificate);
using RemoveCertificateCall = TWINSEAL_PROCEDURE(remove_certificate_request, certificate);
using SignCall = TWINSEAL_PROCEDURE(sign_request, sign_response);
using SignBatchCall = TWINSEAL_PROCEDURE(sign_batch_request, sign_batch_response);
using RandomCall = TWINSEAL_PROCEDURE(generate_random_request, generate_random_response);

#undef TWINSEAL_PROCEDURE

BytesView View(const ProtobufCBinaryData& data) { return {data.data, data.len}; }

ProtobufCBinaryData Data(const Bytes& bytes) {
  // protobuf-c takes no const; it only reads what it packs.
  return {bytes.size(), const_cast<std::uint8_t*>(bytes.data())};
}

char* Text(const std::string& text) { return const_cast<char*>(text.c_str()); }

// The least of any site's: which site will sign is not known here.
std::uint32_t SignaturesPerActivation(const Twinseal__V1__KeyPolicy* policy) {
  if (policy == nullptr) return 1;
  std::uint32_t least = std::max(policy->max_signatures_per_activation, 1U);
  for (std::size_t i = 0; i < policy->n_at_sites; ++i) {
    const std::uint32_t there = policy->at_sites[i]->max_signatures_per_activation;
    if (there != 0) least = std::min(least, there);
  }
  return least;
}

Result<KeyFacts> FactsOf(const Twinseal__V1__Key& key) {
  KeyFacts facts{};
  TWINSEAL_ASSIGN_OR_RETURN(facts.id, KeyId::FromHex(key.key_id));
  facts.name = key.name;
  facts.algorithm = static_cast<v1::Algorithm>(key.algorithm);
  facts.state = static_cast<v1::KeyState>(key.state);
  facts.current_version = key.current_version;
  facts.signatures_per_activation = SignaturesPerActivation(key.policy);
  for (std::size_t i = 0; i < key.n_versions; ++i) {
    if (key.versions[i]->version != i + 1) return Unreadable();
    const BytesView der = View(key.versions[i]->public_key_der);
    facts.public_keys.emplace_back(der.begin(), der.end());
  }
  return facts;
}

Result<KeyFacts> WholeFactsOf(const Twinseal__V1__Key& key) {
  TWINSEAL_ASSIGN_OR_RETURN(KeyFacts facts, FactsOf(key));
  if (facts.public_keys.size() != facts.current_version) return Unreadable();
  return facts;
}

Bytes Copy(const ProtobufCBinaryData& data) {
  const BytesView bytes = View(data);
  return {bytes.begin(), bytes.end()};
}

Result<CertificateFacts> FactsOf(const Twinseal__V1__Certificate& certificate) {
  CertificateFacts facts{};
  TWINSEAL_ASSIGN_OR_RETURN(facts.key, KeyId::FromHex(certificate.key_id));
  facts.key_name = certificate.key_name;
  facts.version = certificate.key_version;
  facts.id = certificate.certificate_id;
  facts.der = Copy(certificate.certificate_der);
  for (std::size_t i = 0; i < certificate.n_issuers_der; ++i) {
    facts.issuers.push_back(Copy(certificate.issuers_der[i]));
  }
  return facts;
}

}  // namespace

Result<KeyFacts> Contract::GetKey(std::string_view key) const {
  const std::string name(key);
  Twinseal__V1__GetKeyRequest request = TWINSEAL__V1__GET_KEY_REQUEST__INIT;
  request.key = Text(name);
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto found,
      GetKeyCall::Call(caller_, timeout_, "/twinseal.v1.KeyService/GetKey", request));
  return WholeFactsOf(*found);
}

Result<KeyPage> Contract::ListKeys(const std::string& page_token) const {
  Twinseal__V1__ListKeysRequest request = TWINSEAL__V1__LIST_KEYS_REQUEST__INIT;
  request.page_size = kPageSize;
  request.page_token = Text(page_token);
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto listed,
      ListKeysCall::Call(caller_, timeout_, "/twinseal.v1.KeyService/ListKeys", request));
  KeyPage page{{}, listed->next_page_token};
  for (std::size_t i = 0; i < listed->n_keys; ++i) {
    TWINSEAL_ASSIGN_OR_RETURN(KeyFacts facts, FactsOf(*listed->keys[i]));
    page.keys.push_back(std::move(facts));
  }
  return page;
}

Result<KeyFacts> Contract::CreateKey(const std::string& name, v1::Algorithm algorithm) const {
  const RequestId id = RequestId::Random();
  Twinseal__V1__CreateKeyRequest request = TWINSEAL__V1__CREATE_KEY_REQUEST__INIT;
  request.request_id = Text(id.text());
  request.name = Text(name);
  request.algorithm = static_cast<Twinseal__V1__Algorithm>(algorithm);
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto made,
      CreateKeyCall::Call(caller_, timeout_, "/twinseal.v1.KeyService/CreateKey", request));
  return WholeFactsOf(*made);
}

Status Contract::DestroyKey(const KeyId& key) const {
  const RequestId id = RequestId::Random();
  const std::string hex = key.Hex();
  Twinseal__V1__ScheduleKeyDestructionRequest request =
      TWINSEAL__V1__SCHEDULE_KEY_DESTRUCTION_REQUEST__INIT;
  request.request_id = Text(id.text());
  request.key = Text(hex);
  const auto done = DestroyKeyCall::Call(caller_, timeout_,
                                         "/twinseal.v1.KeyService/ScheduleKeyDestruction", request);
  return done.ok() ? Ok() : Status(done.error());
}

Result<CertificatePage> Contract::ListCertificates(const std::string& key,
                                                   const std::string& page_token) const {
  Twinseal__V1__ListCertificatesRequest request = TWINSEAL__V1__LIST_CERTIFICATES_REQUEST__INIT;
  request.key = Text(key);
  request.page_token = Text(page_token);
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto listed,
      ListCertificatesCall::Call(caller_, timeout_,
                                 "/twinseal.v1.CertificateService/ListCertificates", request));
  CertificatePage page{{}, listed->next_page_token};
  for (std::size_t i = 0; i < listed->n_certificates; ++i) {
    TWINSEAL_ASSIGN_OR_RETURN(CertificateFacts facts, FactsOf(*listed->certificates[i]));
    page.certificates.push_back(std::move(facts));
  }
  return page;
}

Result<CertificateFacts> Contract::ImportCertificate(const std::string& key,
                                                     const Bytes& der) const {
  const RequestId id = RequestId::Random();
  ProtobufCBinaryData data = Data(der);
  Twinseal__V1__ImportCertificateRequest request = TWINSEAL__V1__IMPORT_CERTIFICATE_REQUEST__INIT;
  request.request_id = Text(id.text());
  request.key = Text(key);
  request.certificates_der = &data;
  request.n_certificates_der = 1;
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto made,
      ImportCertificateCall::Call(caller_, timeout_,
                                  "/twinseal.v1.CertificateService/ImportCertificate", request));
  return FactsOf(*made);
}

Status Contract::RemoveCertificate(const KeyId& key, const std::string& certificate) const {
  const RequestId id = RequestId::Random();
  const std::string hex = key.Hex();
  Twinseal__V1__RemoveCertificateRequest request = TWINSEAL__V1__REMOVE_CERTIFICATE_REQUEST__INIT;
  request.request_id = Text(id.text());
  request.key = Text(hex);
  request.certificate_id = Text(certificate);
  const auto done = RemoveCertificateCall::Call(
      caller_, timeout_, "/twinseal.v1.CertificateService/RemoveCertificate", request);
  return done.ok() ? Ok() : Status(done.error());
}

Result<Bytes> Contract::Sign(const Signing& signing, const Bytes& digest,
                             std::chrono::milliseconds time) const {
  const std::string hex = signing.key.Hex();
  Twinseal__V1__SignRequest request = TWINSEAL__V1__SIGN_REQUEST__INIT;
  request.key = Text(hex);
  request.version = signing.version;
  request.scheme = static_cast<Twinseal__V1__Scheme>(signing.scheme);
  request.digest = Data(digest);
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto answer,
      SignCall::Call(caller_, time, "/twinseal.v1.SigningService/Sign", request));
  return Copy(answer->signature);
}

Result<std::vector<Bytes>> Contract::SignBatch(const Signing& signing,
                                               const std::vector<Bytes>& digests,
                                               std::chrono::milliseconds time) const {
  const std::string hex = signing.key.Hex();
  std::vector<ProtobufCBinaryData> data;
  for (const Bytes& digest : digests) data.push_back(Data(digest));
  Twinseal__V1__SignBatchRequest request = TWINSEAL__V1__SIGN_BATCH_REQUEST__INIT;
  request.key = Text(hex);
  request.version = signing.version;
  request.scheme = static_cast<Twinseal__V1__Scheme>(signing.scheme);
  request.digests = data.data();
  request.n_digests = data.size();
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto answer,
      SignBatchCall::Call(caller_, time, "/twinseal.v1.SigningService/SignBatch", request));
  if (answer->n_signatures != digests.size()) return Unreadable();
  std::vector<Bytes> signatures;
  for (std::size_t i = 0; i < answer->n_signatures; ++i)
    signatures.push_back(Copy(answer->signatures[i]));
  return signatures;
}

Result<Bytes> Contract::Random(std::size_t size) const {
  Twinseal__V1__GenerateRandomRequest request = TWINSEAL__V1__GENERATE_RANDOM_REQUEST__INIT;
  request.size = static_cast<std::uint32_t>(size);
  TWINSEAL_ASSIGN_OR_RETURN(
      const auto answer,
      RandomCall::Call(caller_, timeout_, "/twinseal.v1.ApplianceService/GenerateRandom", request));
  if (answer->random.len != size) return Unreadable();
  return Copy(answer->random);
}

}  // namespace twinseal::pkcs11
