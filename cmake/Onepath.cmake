# SPDX-License-Identifier: Apache-2.0
# Flags for all of our code, and the two helpers that every folder uses.
add_library(onepath_flags INTERFACE)
target_include_directories(onepath_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(onepath_flags INTERFACE _POSIX_C_SOURCE=200809L _DEFAULT_SOURCE
  ONEPATH_VERSION="${PROJECT_VERSION}")
target_compile_options(onepath_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wdouble-promotion -Wstrict-prototypes -Wmissing-prototypes
  -Wformat=2 -fopenmp-simd -fno-math-errno -ffp-contract=off)
if(CMAKE_C_COMPILER_ID MATCHES Clang)
  target_compile_options(onepath_flags INTERFACE -Wno-pass-failed)
endif()
if(ONEPATH_WERROR)
  target_compile_options(onepath_flags INTERFACE -Werror)
endif()
if(ONEPATH_SANITIZE)
  target_compile_options(onepath_flags INTERFACE -fsanitize=${ONEPATH_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(onepath_flags INTERFACE -fsanitize=${ONEPATH_SANITIZE})
endif()
# Clang's libomp, which programs link themselves, stands before the libgomp that OpenBLAS brings along where symbols are
# looked up, and it answers OpenBLAS's omp_* and GOMP_* too: one runtime does all the work, libgomp is loaded and idle
# (LD_BIND_NOW=1 LD_DEBUG=bindings shows it). Two would let OpenBLAS make threads of its own inside a tile.
target_link_libraries(onepath_flags INTERFACE OpenMP::OpenMP_C m)

# onepath_folder(NAME SOURCES ... USES ...): the static library of one folder; USES are the folders below it.
function(onepath_folder name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
  if(ARG_SOURCES)
    add_library(onepath_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(onepath_${name} PUBLIC onepath_flags ${ARG_USES})
  else()
    add_library(onepath_${name} INTERFACE)
    target_link_libraries(onepath_${name} INTERFACE onepath_flags ${ARG_USES})
  endif()
endfunction()

# onepath_test(NAME KIND SOURCE LIBRARIES...): a cmocka program, labelled by kind (unit kernel grad golden property
# fault; more labels after a semicolon: threads for what ThreadSanitizer runs, long for test.sh --full only).
function(onepath_test name kind source)
  add_executable(test_${name} ${source})
  target_link_libraries(test_${name} PRIVATE ${ARGN} cmocka)
  add_test(NAME ${name} COMMAND test_${name})
  set_tests_properties(${name} PROPERTIES LABELS "${kind}" TIMEOUT 600
    ENVIRONMENT "ONEPATH_SOURCE=${PROJECT_SOURCE_DIR};ONEPATH_BINARY=${CMAKE_BINARY_DIR}")
  if(CMAKE_CROSSCOMPILING_EMULATOR)
    set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT "ONEPATH_EMULATOR=${CMAKE_CROSSCOMPILING_EMULATOR}")
  endif()
endfunction()
