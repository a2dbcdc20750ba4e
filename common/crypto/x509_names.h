// What certificates, requests and their makers share: names, text and PEM. For the files of this
// folder.
#pragma once

#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/crypto/openssl_ptr.h"
#include "common/crypto/x509.h"

namespace twinseal::crypto {

// invalid_argument, naming the attribute, for an unknown type or a value that X.520 does not allow
// (length, UTF-8).
Result<X509NamePtr> EncodeName(const DistinguishedName& name);

// RFC 2253 in UTF-8; control characters are escaped.
std::string NameText(const X509_NAME* name);

// A read-only view of `bytes`, which must outlive it.
Result<BioPtr> ReadBio(BytesView bytes);

// What was written to a memory BIO.
std::string BioText(BIO* bio);

}  // namespace twinseal::crypto
