// Owners of OpenSSL's objects.
#pragma once

#include <memory>
#include <string>

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace twinseal::crypto {

// Calls one of OpenSSL's functions that free: `OpensslPtr<X509, X509_free>`.
template <auto Free>
struct OpensslDeleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
template <typename T, auto Free>
using OpensslPtr = std::unique_ptr<T, OpensslDeleter<Free>>;

using BioPtr = OpensslPtr<BIO, BIO_free_all>;
using KeyPtr = OpensslPtr<EVP_PKEY, EVP_PKEY_free>;
using KeyContextPtr = OpensslPtr<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using X509Ptr = OpensslPtr<X509, X509_free>;
using X509NamePtr = OpensslPtr<X509_NAME, X509_NAME_free>;
using X509ReqPtr = OpensslPtr<X509_REQ, X509_REQ_free>;
using X509StorePtr = OpensslPtr<X509_STORE, X509_STORE_free>;
using X509StoreContextPtr = OpensslPtr<X509_STORE_CTX, X509_STORE_CTX_free>;
using X509AlgorithmPtr = OpensslPtr<X509_ALGOR, X509_ALGOR_free>;
using GeneralNamesPtr = OpensslPtr<GENERAL_NAMES, GENERAL_NAMES_free>;
using SslPtr = OpensslPtr<SSL, SSL_free>;
using SslContextPtr = OpensslPtr<SSL_CTX, SSL_CTX_free>;

}  // namespace twinseal::crypto
