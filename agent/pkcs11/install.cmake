# Where applications find the module: `cmake --install build/release --component pkcs11 --prefix /usr`. p11-kit is told of
# it by a file, which names the module by its whole path, since not every prefix is one where p11-kit looks.
include(GNUInstallDirs)
set(module_folder ${CMAKE_INSTALL_LIBDIR}/pkcs11)
install(TARGETS twinseal-pkcs11 LIBRARY DESTINATION ${module_folder} COMPONENT pkcs11)
install(CODE "
  set(TWINSEAL_PKCS11_PATH \"\${CMAKE_INSTALL_PREFIX}/${module_folder}/$<TARGET_FILE_NAME:twinseal-pkcs11>\")
  configure_file(\"${CMAKE_CURRENT_LIST_DIR}/twinseal.module.in\" \"${CMAKE_CURRENT_BINARY_DIR}/twinseal.module\" @ONLY)
" COMPONENT pkcs11)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/twinseal.module DESTINATION share/p11-kit/modules COMPONENT pkcs11)
