// An OpenSSL library context of one thread's own.
#pragma once

#include <openssl/types.h>

#include "common/base/result.h"
#include "hsm/openssl/lean_context.h"

namespace twinseal::hsm {

// A worker thread that drives a software token makes one of these first and keeps it until it ends:
// calls into OpenSSL on this thread that name no context, the module's among them, then use it.
// Threads do not wait for each other on the locks of the process's default context, and keys are
// read quickly, but only those that LeanContext names
// (docs/decisions/0001-one-openssl-context-a-worker.md). Made and destroyed on the same thread; not
// movable. Keys that OpenSSL made on this thread die before it.
class ThreadCryptoContext {
 public:
  ThreadCryptoContext();
  ~ThreadCryptoContext();

  ThreadCryptoContext(const ThreadCryptoContext&) = delete;
  ThreadCryptoContext& operator=(const ThreadCryptoContext&) = delete;

  // internal when OpenSSL could not give a context: the thread goes on with the default one, which
  // is slower but right.
  Status status() const;

 private:
  const LeanContext context_;
  OSSL_LIB_CTX* previous_ = nullptr;
};

}  // namespace twinseal::hsm
