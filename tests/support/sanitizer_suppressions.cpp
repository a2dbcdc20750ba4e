// What the sanitizers report of other people's code, each with its reason. Compiled into the test
// programs that load PKCS#11 modules; without a sanitizer nothing calls these functions.

extern "C" {

const char* __lsan_default_suppressions();
const char* __tsan_default_suppressions();

const char* __lsan_default_suppressions() {
  return
      // Beside an open connection TokenKey leaves libp11's slots behind: releasing them would close
      // the connection's sessions (hsm/openssl/token_key.cpp).
      "leak:libp11.so\n"
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
      "called_from_lib:libfreeblpriv3.so\n"
      "called_from_lib:libnssutil3.so\n"
      "called_from_lib:libnspr4.so\n"
      "called_from_lib:libsqlite3.so\n"
      "called_from_lib:libp11.so\n";
}

}  // extern "C"
