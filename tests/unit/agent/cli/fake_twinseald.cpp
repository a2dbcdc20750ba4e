// Stands in for `twinseald --initialize` in the tests of `twinseal appliance init`. What it got
// goes into the file that FAKE_RECORD names; FAKE_MODE says how it ends.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <string>

#include <unistd.h>

#include "twinseal/v1/setup.pb.h"

namespace {

std::string ReadToEnd(int descriptor) {
  std::string content;
  std::array<char, 512> buffer{};
  ssize_t got = 0;
  while ((got = read(descriptor, buffer.data(), buffer.size())) > 0)
    content.append(buffer.data(), static_cast<std::size_t>(got));
  return content;
}

std::string ReadExactly(int descriptor, std::size_t size) {
  std::string content(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = read(descriptor, content.data() + done, size - done);
    if (got <= 0) std::exit(90);
    done += static_cast<std::size_t>(got);
  }
  return content;
}

}  // namespace

int main(int argc, char** argv) {
  const char* record_file = std::getenv("FAKE_RECORD");
  const char* mode_text = std::getenv("FAKE_MODE");
  const std::string mode = mode_text ? mode_text : "";
  std::ofstream record(record_file ? record_file : "/dev/null");
  int setup = -1;
  int pin = -1;
  int so_pin = -1;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (argument == "--setup-fd")
      setup = std::stoi(value);
    else if (argument == "--pin-fd")
      pin = std::stoi(value);
    else if (argument == "--so-pin-fd")
      so_pin = std::stoi(value);
    else if (argument == "--config" || argument == "--hsm-token")
      record << argument << " " << value << "\n";
    else if (argument == "--initialize")
      record << argument << "\n";
  }
  record << "pin " << ReadToEnd(pin) << "\nso-pin " << ReadToEnd(so_pin) << "\n";
  if (mode == "dies") return 3;

  const std::string header = ReadExactly(setup, 4);
  std::uint32_t size = 0;
  for (const char c : header) size = size << 8 | static_cast<std::uint8_t>(c);
  twinseal::v1::InitializeRequest request;
  if (!request.ParseFromString(ReadExactly(setup, size))) return 91;
  if (request.join()) record << "join\n";
  record << "operator " << request.operator_name() << "\ncsr " << request.operator_csr_pem();
  record.close();

  twinseal::v1::InitializeResponse response;
  if (mode == "refuses") {
    response.set_error_code("failed_precondition");
    response.set_error_message("the token twinseal-a is initialized already; choose another");
  } else {
    response.set_operator_certificate_pem("the certificate\n");
    response.set_ca_pem("the CA\n");
    response.set_identity_fingerprint("0123abcd");
  }
  const std::string body = response.SerializeAsString();
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8)
    frame += static_cast<char>(body.size() >> shift & 0xFF);
  frame += body;
  if (write(setup, frame.data(), frame.size()) != static_cast<ssize_t>(frame.size())) return 92;
  return mode == "refuses" ? 1 : mode == "ends-badly" ? 4 : 0;
}
