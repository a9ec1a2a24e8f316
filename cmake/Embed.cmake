# SPDX-License-Identifier: Apache-2.0
# onepath_embed(TARGET SYMBOL FILE): the bytes of FILE in TARGET, as
#     extern const unsigned char SYMBOL[];    /* ended by a NUL that SYMBOL_size does not count */
#     extern const size_t SYMBOL_size;
# Run as a script it writes the C source of one file.
if(CMAKE_SCRIPT_MODE_FILE)
  file(READ ${INPUT} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  # lines that a person, and every compiler, can take
  string(REGEX REPLACE "(................................................................................)" "\\1\n" bytes "${bytes}")
  file(WRITE ${OUTPUT} "#include <stddef.h>
extern const unsigned char ${SYMBOL}[];
extern const size_t ${SYMBOL}_size;
const unsigned char ${SYMBOL}[] = {
${bytes}0x00};
const size_t ${SYMBOL}_size = sizeof ${SYMBOL} - 1;
")
  return()
endif()

function(onepath_embed target symbol file)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/${symbol}.c)
  add_custom_command(OUTPUT ${source}
    COMMAND ${CMAKE_COMMAND} -DINPUT=${file} -DOUTPUT=${source} -DSYMBOL=${symbol}
      -P ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake
    DEPENDS ${file} ${PROJECT_SOURCE_DIR}/cmake/Embed.cmake VERBATIM)
  target_sources(${target} PRIVATE ${source})
endfunction()
