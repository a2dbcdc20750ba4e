// What the sanitizers report of other people's code, each with its reason. Compiled into each
// unit test where a sanitizer is on.

// The sanitizers' libraries look the functions up in the program.
#define TWINSEAL_SEEN __attribute__((visibility("default"), used))

extern "C" {

TWINSEAL_SEEN const char* __asan_default_options();
TWINSEAL_SEEN const char* __lsan_default_suppressions();
TWINSEAL_SEEN const char* __tsan_default_suppressions();

// The modules are built without frame pointers: only the slow unwinder sees that it was they who
// asked OpenSSL for memory. It is slow, and the slower the deeper it looks.
const char* __asan_default_options() { return "fast_unwind_on_malloc=0:malloc_context_size=12"; }

const char* __lsan_default_suppressions() {
  return
      // Beside an open connection TokenKey leaves libp11's slots behind: releasing them would close
      // the connection's sessions (hsm/openssl/token_key.cpp).
      "leak:libp11.so\n"
      // SoftHSM 2.6.1 leaks a few bytes when it wraps a private key.
      "leak:libsofthsm2.so\n"
      // Softokn and NSPR keep per-process tables that they never free.
      "leak:libsoftokn3.so\n"
      "leak:libfreeblpriv3.so\n"
      "leak:libnspr4.so\n"
      "leak:libnssutil3.so\n";
}

const char* __tsan_default_suppressions() {
  return
      // Not built with the sanitizer, so it does not see their atomics and the locks that they
      // build from them.
      "called_from_lib:libsofthsm2.so\n"
      "called_from_lib:libsoftokn3.so\n"
      "race:libfreeblpriv3.so\n"  // It is unloaded now and then, which called_from_lib does not
                                  // allow.
      "called_from_lib:libnssutil3.so\n"
      "called_from_lib:libnspr4.so\n"
      "called_from_lib:libsqlite3.so\n"
      "called_from_lib:libp11.so\n";
}

}  // extern "C"
