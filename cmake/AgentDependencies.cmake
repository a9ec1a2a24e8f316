# SPDX-License-Identifier: Apache-2.0
# In place of Dependencies.cmake where only the static agent is built (ONEPATH_AGENT_ARCH): archives of the two libraries
# that it needs, no search for the others, and the compiler's own OpenMP, which FindOpenMP would name as a shared library.
if(NOT CMAKE_SYSTEM_PROCESSOR STREQUAL ONEPATH_AGENT_ARCH)
  message(FATAL_ERROR "the agent for ${ONEPATH_AGENT_ARCH} cannot be built by a compiler for ${CMAKE_SYSTEM_PROCESSOR}")
endif()
if(NOT CMAKE_C_COMPILER_ID STREQUAL GNU)
  message(FATAL_ERROR "the static agent wants GCC, whose OpenMP has an archive; this is ${CMAKE_C_COMPILER_ID}")
endif()
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
add_compile_options(-ffunction-sections -fdata-sections)
# Android may have pages of 16 KiB.
add_link_options(-static -s LINKER:--gc-sections LINKER:-z,max-page-size=16384)
# glibc's linker warns of dlopen; agent_static.c stands in for it.
include(CheckLinkerFlag)
check_linker_flag(C LINKER:--no-warnings ONEPATH_LINKER_IS_SILENT)
if(ONEPATH_LINKER_IS_SILENT)
  add_link_options(LINKER:--no-warnings)
endif()

add_library(OpenMP::OpenMP_C INTERFACE IMPORTED)
target_compile_options(OpenMP::OpenMP_C INTERFACE -fopenmp)
target_link_options(OpenMP::OpenMP_C INTERFACE -fopenmp)

# onepath_archive(TARGET NAME HEADER PACKAGE HINTS...): lib<NAME>.a and its header as TARGET.
function(onepath_archive target name header package)
  find_library(ARCHIVE_${name} lib${name}.a HINTS ${ARGN})
  find_path(INCLUDE_${name} ${header} HINTS ${ARGN})
  if(NOT ARCHIVE_${name} OR NOT INCLUDE_${name})
    message(FATAL_ERROR "lib${name}.a or ${header} for ${ONEPATH_AGENT_ARCH} not found: install ${package}")
  endif()
  add_library(${target} INTERFACE IMPORTED)
  target_link_libraries(${target} INTERFACE ${ARCHIVE_${name}})
  target_include_directories(${target} SYSTEM INTERFACE ${INCLUDE_${name}})
endfunction()
onepath_archive(PkgConfig::JANSSON jansson jansson.h libjansson-dev)
onepath_archive(PkgConfig::MD md sha2.h libmd-dev)
if(ONEPATH_AGENT_BLAS)
  onepath_archive(onepath_openblas openblas cblas.h libopenblas-openmp-dev
    /usr/lib/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp /usr/include/${CMAKE_LIBRARY_ARCHITECTURE}/openblas-openmp)
endif()
