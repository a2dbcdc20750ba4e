# TWINSEAL_SANITIZER=address brings the address, leak and undefined-behaviour sanitizers; =thread the thread one.
if(TWINSEAL_SANITIZER STREQUAL "address")
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(TWINSEAL_SANITIZER STREQUAL "thread")
  # With __SANITIZE_THREAD__ protobuf's headers give map fields another layout than its library has. The standard library
  # is told by its own name.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer -U__SANITIZE_THREAD__ -D_GLIBCXX_TSAN=1)
  add_link_options(-fsanitize=thread)
elseif(TWINSEAL_SANITIZER)
  message(FATAL_ERROR "TWINSEAL_SANITIZER is '${TWINSEAL_SANITIZER}'; it takes address, thread or nothing")
endif()
