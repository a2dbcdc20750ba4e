// The clients of the pair's benchmark. tools/bench starts it against a bench that it has made, and
// tells it on its standard input what to do.
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "tests/bench/pair/clients.h"
#include "tests/bench/pair/session.h"

int main(int argc, char** argv) {
  using namespace twinseal::bench;
  IdentityFiles identity;
  std::vector<std::string> texts;
  CLI::App app("The clients of the pair's benchmark; started by tools/bench");
  app.add_option("--ca", identity.ca)->required();
  app.add_option("--certificate", identity.certificate)->required();
  app.add_option("--key", identity.key)->required();
  app.add_option("--end", texts, "NAME=URL[,URL...][@PROXY]: from where clients call whom")
      ->required();
  CLI11_PARSE(app, argc, argv);

  std::map<std::string, End> ends;
  for (const std::string& text : texts) ends.insert(ParseEnd(text));
  Session session(Clients(std::move(identity), std::move(ends)));
  for (std::string line; std::getline(std::cin, line);) {
    std::puts(session.Perform(line).Line().c_str());
    std::fflush(stdout);
  }
  return 0;
}
