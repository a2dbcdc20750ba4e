# What our own code is compiled with. Generated code and libraries come in as system headers.
add_library(twinseal_warnings INTERFACE)
target_compile_options(twinseal_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(twinseal_warnings INTERFACE -Wthread-safety)
endif()
if(TWINSEAL_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A type of a .cpp file's own is taken for one of a header's there.
  target_compile_options(twinseal_warnings INTERFACE -Wno-subobject-linkage)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of std::string's operator+ (GCC bug 105651).
  target_compile_options(twinseal_warnings INTERFACE -Wno-restrict)
endif()
