// A terminal whose other end the test holds.
#pragma once

#include <array>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "common/base/unique_fd.h"

namespace twinseal::cli {

class PseudoTerminal {
 public:
  PseudoTerminal() : controller_(posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    std::array<char, 128> name{};
    if (grantpt(controller_.get()) != 0 || unlockpt(controller_.get()) != 0 ||
        ptsname_r(controller_.get(), name.data(), name.size()) != 0) {
      std::abort();
    }
    path_ = name.data();
    // Keeps what was said readable after the program has closed its end.
    kept_ = UniqueFd(open(path_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }

  const std::string& path() const { return path_; }

  // What was printed until `text` came, `text` included; less when nothing comes for ten seconds.
  std::string ReadUntil(const std::string& text) {
    std::string seen;
    while (seen.find(text) == std::string::npos) {
      pollfd ready{controller_.get(), POLLIN, 0};
      char next = 0;
      if (poll(&ready, 1, 10'000) != 1 || read(controller_.get(), &next, 1) != 1) break;
      seen += next;
    }
    return seen;
  }

  void Type(const std::string& text) { (void)!write(controller_.get(), text.data(), text.size()); }

  bool echoes() const {
    termios state{};
    return tcgetattr(kept_.get(), &state) == 0 && (state.c_lflag & ECHO) != 0;
  }

 private:
  UniqueFd controller_;
  UniqueFd kept_;
  std::string path_;
};

}  // namespace twinseal::cli
