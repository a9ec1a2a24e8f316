# SPDX-License-Identifier: Apache-2.0
# What is installed, and the Debian package: `cmake --install build --prefix P`, `cmake --build build --target package`.
# An installed tree may be moved: everything in it finds the rest by where it is itself.
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME onepath)

install(TARGETS onepath_cli onepath-agent)
if(TARGET onepath-runner-xnnpack)
  install(TARGETS onepath-runner-xnnpack)
endif()
install(FILES latency/runners/onnxruntime/runner.js DESTINATION ${CMAKE_INSTALL_DATADIR}/onepath/runners RENAME onnxruntime.js)
install(TARGETS onepath EXPORT onepath)
# Agents for devices, those that `cmake --preset agent-ARCH` and its build left here; a package of their own.
foreach(arch x86_64 aarch64)
  install(PROGRAMS build-agent-${arch}/onepath-agent DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/onepath
    RENAME onepath-agent-${arch} OPTIONAL COMPONENT agents)
endforeach()
install(FILES include/onepath.h TYPE INCLUDE)
install(DIRECTORY configs/spaces configs/searches DESTINATION ${CMAKE_INSTALL_DATADIR}/onepath)
install(DIRECTORY docs TYPE DOC PATTERN *.png EXCLUDE) # where README.md links to; screenshots would be 1 MB
install(DIRECTORY results TYPE DOC FILES_MATCHING PATTERN README.md)
install(FILES README.md LICENSE TYPE DOC)
install(DIRECTORY examples TYPE DOC)

# For CMake and pkg-config.
set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/onepath)
install(EXPORT onepath NAMESPACE onepath:: FILE onepath-config.cmake DESTINATION ${cmake_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/onepath-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/onepath-config-version.cmake DESTINATION ${cmake_dir})
file(RELATIVE_PATH up /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(cmake/onepath.pc.in ${CMAKE_CURRENT_BINARY_DIR}/onepath.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/onepath.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Manual pages and completions, where this machine can run what writes them.
if(TARGET onepath_share)
  set(share ${CMAKE_BINARY_DIR}/share)
  install(DIRECTORY ${share}/man/ TYPE MAN)
  install(FILES ${share}/completions/bash/onepath DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${share}/completions/zsh/_onepath DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions)
  install(FILES ${share}/completions/fish/onepath.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()

include(cmake/Package.cmake)
