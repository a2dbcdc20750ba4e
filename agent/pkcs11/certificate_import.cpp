#include "agent/pkcs11/certificate_import.h"

#include <optional>
#include <string>
#include <vector>

#include "common/base/types.h"

namespace twinseal::pkcs11 {
namespace {

Done CheckKind(const Attributes& wanted) {
  if (!wanted.contains(CKA_CLASS)) return Failure(CKR_TEMPLATE_INCOMPLETE, "CKA_CLASS is missing");
  if (NumberOf(wanted, CKA_CLASS) != CKO_CERTIFICATE)
    return Failure(CKR_FUNCTION_NOT_SUPPORTED, "objects of this class cannot be created");
  if (!wanted.contains(CKA_CERTIFICATE_TYPE) || !wanted.contains(CKA_VALUE))
    return Failure(CKR_TEMPLATE_INCOMPLETE, "CKA_CERTIFICATE_TYPE or CKA_VALUE is missing");
  if (NumberOf(wanted, CKA_CERTIFICATE_TYPE) != CKC_X_509)
    return Failure(CKR_ATTRIBUTE_VALUE_INVALID, "only X.509 certificates are kept");
  // Without it, it is a session object.
  const auto kept = wanted.find(CKA_TOKEN);
  if (kept == wanted.end() || kept->second != Truth(true))
    return Failure(CKR_TEMPLATE_INCONSISTENT, "certificates are kept: CKA_TOKEN is true");
  for (const CK_ATTRIBUTE_TYPE never : {CKA_PRIVATE, CKA_TRUSTED}) {
    const auto said = wanted.find(never);
    if (said != wanted.end() && said->second == Truth(true))
      return Failure(CKR_TEMPLATE_INCONSISTENT,
                     "a certificate is neither private nor trusted here");
  }
  return {};
}

// One that says whose it is says so of this certificate.
Done CheckSubject(const Attributes& wanted) {
  const auto said = wanted.find(CKA_SUBJECT);
  if (said == wanted.end() || said->second.empty()) return {};
  const Result<Attributes> has = AttributesOf(CertificateObject{{}, {}, {}, wanted.at(CKA_VALUE)});
  if (!has.ok()) return Failure(CKR_ATTRIBUTE_VALUE_INVALID, has.error().message());
  if (has->at(CKA_SUBJECT) == said->second) return {};
  return Failure(CKR_TEMPLATE_INCONSISTENT, "CKA_SUBJECT is not that of the certificate");
}

Failure FailureOfImport(const Error& error) {
  if (error.code() == Code::kUnimplemented)
    return Failure(CKR_FUNCTION_NOT_SUPPORTED, error.message());
  Failure failure = FailureOf(error);
  if (failure.rv == CKR_KEY_FUNCTION_NOT_PERMITTED) failure.rv = CKR_ACTION_PROHIBITED;
  if (failure.rv == CKR_DATA_INVALID || failure.rv == CKR_KEY_HANDLE_INVALID)
    failure.rv = CKR_ATTRIBUTE_VALUE_INVALID;
  return failure;
}

// Ids and names of the key whose it may be, in the order in which they are tried.
Outcome<std::vector<std::string>> KeysIn(const Attributes& wanted) {
  std::vector<std::string> keys;
  if (const auto id = wanted.find(CKA_ID); id != wanted.end()) {
    if (const auto parsed = ParseCkaId(id->second)) keys.push_back(parsed->key.Hex());
  }
  if (const std::optional<std::string> label = TextOf(wanted, CKA_LABEL)) {
    if (KeyName::Parse(*label).ok()) keys.push_back(*label);
    if (keys.empty())
      return Failure(CKR_ATTRIBUTE_VALUE_INVALID, "CKA_LABEL of a certificate is its key's name");
  }
  if (!keys.empty()) return keys;
  return Failure(CKR_TEMPLATE_INCOMPLETE,
                 "CKA_ID, as the key has it, or CKA_LABEL, the key's name, says whose certificate "
                 "it is");
}

}  // namespace

Outcome<CK_OBJECT_HANDLE> ImportCertificate(Token& token, const Attributes& wanted) {
  TWINSEAL_RETURN_IF_ERROR(CheckKind(wanted));
  TWINSEAL_RETURN_IF_ERROR(CheckSubject(wanted));
  TWINSEAL_ASSIGN_OR_RETURN(const std::vector<std::string> keys, KeysIn(wanted));
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, token.Connect());
  Failure failure = CKR_ATTRIBUTE_VALUE_INVALID;
  for (const std::string& key : keys) {
    const Result<CertificateFacts> made =
        connection->contract().ImportCertificate(key, wanted.at(CKA_VALUE));
    if (made.ok()) return token.handles().Of(token.Keep(ObjectsOf({*made})).front()->object);
    failure = FailureOfImport(made.error());
    if (made.error().code() != Code::kNotFound) break;
  }
  return failure;
}

Done RemoveCertificate(Token& token, const ObjectRef& object) {
  TWINSEAL_ASSIGN_OR_RETURN(const auto certificate, token.CertificateOf(object));
  if (object.kind == ObjectKind::kIssuer) return Failure(CKR_ACTION_PROHIBITED);
  TWINSEAL_ASSIGN_OR_RETURN(const auto connection, token.Connect());
  const Status removed = connection->contract().RemoveCertificate(object.key, certificate->id);
  if (!removed.ok()) return FailureOfDestroying(removed.error());
  token.Forget(object);
  return {};
}

}  // namespace twinseal::pkcs11
