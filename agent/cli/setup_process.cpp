#include "agent/cli/setup_process.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/cli/files.h"
#include "agent/cli/text.h"
#include "common/base/big_endian.h"
#include "common/base/bytes.h"

namespace twinseal::cli {
namespace {

// An answer holds two certificates and a fingerprint.
constexpr std::uint32_t kMaxAnswerBytes = 1024 * 1024;

Error SystemError(std::string_view what) {
  return Error(Code::kUnavailable, fmt::format("{}: {}", what, SystemMessage(errno)));
}

// The process, waited for at the latest when the object dies, so that none is left behind.
class Child {
 public:
  explicit Child(pid_t pid) : pid_(pid) {}
  ~Child() { (void)Wait(); }
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;

  // How it ended, in words; nothing when it ended with status 0.
  std::optional<std::string> Wait() {
    int status = 0;
    while (pid_ > 0 && waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (WIFEXITED(status)) {
      if (WEXITSTATUS(status) == 0) return std::nullopt;
      return fmt::format("ended with status {}", WEXITSTATUS(status));
    }
    return fmt::format("was ended by signal {} ({})", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
  }

 private:
  pid_t pid_;
};

// File actions of posix_spawn that pass descriptors on under their own numbers.
class Passing {
 public:
  Passing() { posix_spawn_file_actions_init(&actions_); }
  ~Passing() { posix_spawn_file_actions_destroy(&actions_); }
  Passing(const Passing&) = delete;
  Passing& operator=(const Passing&) = delete;

  // A dup2 onto itself drops close-on-exec in the child (POSIX.1-2024,
  // posix_spawn_file_actions_adddup2).
  void Add(int descriptor) { posix_spawn_file_actions_adddup2(&actions_, descriptor, descriptor); }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

Result<Child> Start(const SetupProgram& setup, int socket) {
  std::vector<std::string> arguments = {setup.program, "--initialize",
                                        "--config",    setup.config_file,
                                        "--setup-fd",  std::to_string(socket),
                                        "--pin-fd",    std::to_string(setup.pin.get()),
                                        "--so-pin-fd", std::to_string(setup.so_pin.get())};
  if (!setup.token_label.empty()) {
    arguments.emplace_back("--hsm-token");
    arguments.push_back(setup.token_label);
  }
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  Passing passing;
  for (const int descriptor : {socket, setup.pin.get(), setup.so_pin.get()})
    passing.Add(descriptor);
  pid_t pid = -1;
  const int failed =
      posix_spawn(&pid, setup.program.c_str(), passing.get(), nullptr, argv.data(), environ);
  if (failed != 0) {
    return Error(Code::kUnavailable,
                 fmt::format("{} cannot be started: {}; name the program with --twinseald",
                             Printable(setup.program), SystemMessage(failed)));
  }
  return Child(pid);
}

// A process that ended must not take this one along: no SIGPIPE.
Status SendAll(int socket, BytesView bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return SystemError("the request cannot be sent");
    bytes = bytes.subspan(static_cast<std::size_t>(sent));
  }
  return Ok();
}

Status ReceiveAll(int socket, std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = recv(socket, bytes.data(), bytes.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError("the answer cannot be read");
    if (got == 0) return Error(Code::kUnavailable, "there is no answer");
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return Ok();
}

// A frame of setup.proto: 4 bytes of length, big-endian, then the message.
Status SendFrame(int socket, const std::string& message) {
  Bytes header;
  AppendBigEndian(header, static_cast<std::uint32_t>(message.size()));
  TWINSEAL_RETURN_IF_ERROR(SendAll(socket, header));
  return SendAll(socket, AsBytes(message));
}

Result<Bytes> ReceiveFrame(int socket) {
  std::array<std::uint8_t, 4> header{};
  TWINSEAL_RETURN_IF_ERROR(ReceiveAll(socket, header));
  const auto size = ReadBigEndian<std::uint32_t>(header);
  if (size > kMaxAnswerBytes) return Error(Code::kInternal, "the answer is too long");
  Bytes body(size);
  TWINSEAL_RETURN_IF_ERROR(ReceiveAll(socket, body));
  return body;
}

Result<v1::InitializeResponse> Converse(int socket, const v1::InitializeRequest& request) {
  TWINSEAL_RETURN_IF_ERROR(SendFrame(socket, request.SerializeAsString()));
  TWINSEAL_ASSIGN_OR_RETURN(const Bytes body, ReceiveFrame(socket));
  v1::InitializeResponse response;
  if (!response.ParseFromArray(body.data(), static_cast<int>(body.size()))) {
    return Error(Code::kInternal, "the answer cannot be read");
  }
  return response;
}

}  // namespace

Result<v1::InitializeResponse> RunSetup(SetupProgram setup, const v1::InitializeRequest& request) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return SystemError("no socket could be made");
  const UniqueFd mine(ends[0]);
  UniqueFd theirs(ends[1]);
  TWINSEAL_ASSIGN_OR_RETURN(Child child, Start(setup, theirs.get()));
  // Only the child holds its ends now, so that its end is seen here.
  theirs.Reset();
  setup.pin.Reset();
  setup.so_pin.Reset();

  Result<v1::InitializeResponse> answer = Converse(mine.get(), request);
  const std::optional<std::string> ended_badly = child.Wait();
  if (!answer.ok()) {
    return Error(Code::kUnavailable,
                 fmt::format("{} {} and gave no answer ({}); its messages above say why",
                             Printable(setup.program), ended_badly.value_or("ended"),
                             answer.error().message()));
  }
  if (!answer->error_code().empty()) {
    return Error(CodeFromName(answer->error_code()).value_or(Code::kUnknown),
                 answer->error_message());
  }
  if (ended_badly) {
    return Error(Code::kInternal, fmt::format("{} {} after its answer; its messages above say why",
                                              Printable(setup.program), *ended_badly));
  }
  return answer;
}

}  // namespace twinseal::cli
