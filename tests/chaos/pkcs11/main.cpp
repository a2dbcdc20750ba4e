// Threads that sign through a PKCS#11 module and check each signature, until the standard input
// ends. Then one line of JSON tells what came of it. tools/chaos starts it.
#include <cstdio>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>

#include "tests/chaos/pkcs11/signers.h"
#include "tests/support/loaded_token/pins.h"

int main(int argc, char** argv) {
  twinseal::chaos::Target target;
  unsigned threads = 32;
  int pin_fd = -1;
  CLI::App app("Signs through a PKCS#11 module; started by tools/chaos");
  app.add_option("--module", target.module)->required();
  app.add_option("--token", target.token)->required();
  app.add_option("--key", target.key, "its label; an EC key on P-256")->required();
  app.add_option("--pin-fd", pin_fd)->required();
  app.add_option("--threads", threads);
  CLI11_PARSE(app, argc, argv);
  target.pin = twinseal::test::ReadPins(pin_fd).at(0);

  twinseal::chaos::Signers signers(target, threads);
  std::puts("signing");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
  }
  std::puts(signers.Finish().Json().c_str());
  return 0;
}
