# The newest clang that Debian 12 or 13 has, instrumenting everything for libFuzzer. Debian 12's default, clang 14,
# lacks C++20 coroutines.
find_program(FUZZ_C_COMPILER NAMES clang-19 clang-16 REQUIRED)
find_program(FUZZ_CXX_COMPILER NAMES clang++-19 clang++-16 REQUIRED)
set(CMAKE_C_COMPILER ${FUZZ_C_COMPILER})
set(CMAKE_CXX_COMPILER ${FUZZ_CXX_COMPILER})
set(CMAKE_C_FLAGS_INIT -fsanitize=fuzzer-no-link)
set(CMAKE_CXX_FLAGS_INIT -fsanitize=fuzzer-no-link)
