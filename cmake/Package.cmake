# SPDX-License-Identifier: Apache-2.0
# onepath_VERSION_ARCH.deb: program, agent, library and development files in one package; onepath-agents_VERSION_all.deb:
# the static agents for devices, where they were built.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME onepath)
set(CPACK_PACKAGE_VENDOR onepath)
set(CPACK_PACKAGE_CONTACT "onepath maintainers <maintainers@onepath.invalid>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_PROJECT_CONFIG_FILE ${PROJECT_SOURCE_DIR}/cmake/PackageParts.cmake)
set(CPACK_DEBIAN_ONEPATH_PACKAGE_NAME onepath)
set(CPACK_DEBIAN_AGENTS_PACKAGE_NAME onepath-agents)
set(CPACK_DEBIAN_ONEPATH_DESCRIPTION
"onepath designs a convolutional network for one device: from labelled
images, a search space, a device and a number of milliseconds to a trained
network, by the method of ProxylessNAS. The package has the program, the
agent that measures on a device, and a library with its header for programs
that run or search networks.")
set(CPACK_DEBIAN_AGENTS_DESCRIPTION
"agents of onepath for boards and phones: static programs for x86-64 and
AArch64 Linux that onepath copies to a device to measure on it.")
set(CPACK_DEBIAN_AGENTS_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_AGENTS_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_AGENTS_PACKAGE_DEPENDS "onepath (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_AGENTS_PACKAGE_SUGGESTS "adb, openssh-client")
# Libraries by dpkg-shlibdeps. For OpenBLAS it names libopenblas0, which any flavour satisfies, the pthread one first: the
# flavour that the RUNPATH leads to is named here.
set(CPACK_DEBIAN_ONEPATH_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_ONEPATH_PACKAGE_DEPENDS "libopenblas0-openmp")
set(CPACK_DEBIAN_ONEPATH_PACKAGE_SUGGESTS "pkgconf, cmake")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_PRE_BUILD_SCRIPTS ${PROJECT_SOURCE_DIR}/cmake/DebianFiles.cmake)
include(CPack)
