# What our own code is compiled with. Generated code and libraries come in as system headers.
add_library(twinseal_warnings INTERFACE)
target_compile_options(twinseal_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(twinseal_warnings INTERFACE -Wthread-safety)
endif()
