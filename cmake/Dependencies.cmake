# SPDX-License-Identifier: Apache-2.0
# Finds what onepath stands on; the README says why each is there.
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(PkgConfig REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ARCHIVE REQUIRED IMPORTED_TARGET libarchive)
pkg_check_modules(JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(MD REQUIRED IMPORTED_TARGET libmd)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
find_program(ONEPATH_PROTOC_C protoc-c REQUIRED)
find_path(ONEPATH_ONNX_PROTO_DIR onnx.proto PATH_SUFFIXES onnx)
if(NOT ONEPATH_ONNX_PROTO_DIR)
  message(FATAL_ERROR "onnx.proto not found: install libonnx-dev")
endif()

# The charts of the report: its bytes are compiled in.
find_file(ONEPATH_CHART_JS chart.min.js
  PATHS /usr/share/javascript/chart.js /usr/share/nodejs/chart.js/dist NO_DEFAULT_PATH)
if(NOT ONEPATH_CHART_JS)
  message(FATAL_ERROR "Chart.js not found: install libjs-chart.js")
endif()

# OpenBLAS in its OpenMP flavour. Debian's pthread flavour has the same SONAME and wins the alternatives when both are
# installed, so the folder goes into the RUNPATH of every program.
find_library(ONEPATH_OPENBLAS openblas
  PATH_SUFFIXES openblas-openmp ${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp
  PATHS /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/lib/openblas-openmp
  NO_DEFAULT_PATH)
if(NOT ONEPATH_OPENBLAS)
  message(FATAL_ERROR "OpenBLAS (OpenMP flavour) not found: install libopenblas-openmp-dev")
endif()
get_filename_component(ONEPATH_OPENBLAS_DIR ${ONEPATH_OPENBLAS} DIRECTORY)
find_path(ONEPATH_OPENBLAS_INCLUDE cblas.h
  PATHS /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/include/openblas-openmp NO_DEFAULT_PATH)
if(NOT ONEPATH_OPENBLAS_INCLUDE)
  message(FATAL_ERROR "cblas.h of OpenBLAS (OpenMP flavour) not found: install libopenblas-openmp-dev")
endif()
add_library(onepath_openblas INTERFACE)
target_link_libraries(onepath_openblas INTERFACE ${ONEPATH_OPENBLAS})
target_include_directories(onepath_openblas SYSTEM INTERFACE ${ONEPATH_OPENBLAS_INCLUDE})
set(CMAKE_BUILD_RPATH ${ONEPATH_OPENBLAS_DIR})
set(CMAKE_INSTALL_RPATH ${ONEPATH_OPENBLAS_DIR})
