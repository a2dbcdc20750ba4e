#include "tests/bench/pkcs11/first_use.h"

#include <array>
#include <cstdio>

#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/parts/fail.h"

namespace twinseal::bench {
namespace {

// proc(5), /proc/self/statm: pages.
double ResidentMebibytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  long total = 0;
  long resident = 0;
  if (file == nullptr || std::fscanf(file, "%ld %ld", &total, &resident) != 2)
    Fail("/proc/self/statm cannot be read");
  std::fclose(file);
  constexpr double kMebibyte = 1U << 20U;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / kMebibyte;
}

FirstUse Measure(const std::string& module, const std::string& token, const std::string& pin,
                 const TokenLoad::Work& work) {
  const double before = ResidentMebibytes();
  const auto start = Clock::now();
  const TokenLoad load(module, token, pin);
  load.SignOnce(work);
  const std::chrono::duration<double, std::milli> took = Clock::now() - start;
  return {took.count(), ResidentMebibytes() - before};
}

}  // namespace

FirstUse MeasureFirstUse(const std::string& module, const std::string& token,
                         const std::string& pin, const TokenLoad::Work& work) {
  std::array<int, 2> channel{};
  if (pipe(channel.data()) != 0) Fail("no pipe can be made");
  const pid_t child = fork();
  if (child < 0) Fail("no process can be made");
  FirstUse use;
  if (child == 0) {
    use = Measure(module, token, pin, work);
    _exit(write(channel[1], &use, sizeof use) == sizeof use ? 0 : 1);
  }
  close(channel[1]);
  const bool told = read(channel[0], &use, sizeof use) == sizeof use;
  close(channel[0]);
  int status = 0;
  if (waitpid(child, &status, 0) != child || !told) Fail("the first use of the module failed");
  return use;
}

}  // namespace twinseal::bench
